/** Which rows of a long table are in sight, so that only those exist. */
import type { RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";
import { rowHeight } from "../../state/theme";

/** Rows drawn above and below what is in sight. */
const SPARE = 8;
/** The window moves in steps, so that not every scrolled pixel draws anew. */
const STEP = 8;
/** Shorter tables are drawn whole. */
const MIN_ROWS = 80;

export interface Slice {
  from: number;
  to: number;
  /** Not all rows are drawn. */
  partly: boolean;
}

export function useWindow(box: RefObject<HTMLElement | null>, rows: number): Slice {
  const [slice, setSlice] = useState({ from: 0, to: MIN_ROWS });
  const printing = usePrinting();
  const height = rowHeight.value;
  useLayoutEffect(() => {
    const element = box.current;
    if (!element || rows <= MIN_ROWS) return;
    const measure = () => {
      const seen = Math.ceil(element.clientHeight / height);
      const first = Math.floor(element.scrollTop / height);
      const from = Math.max(0, Math.floor((first - SPARE) / STEP) * STEP);
      const to = Math.min(rows, from + seen + 2 * SPARE + STEP);
      keepFocus(element, from, to);
      setSlice((old) => (old.from === from && old.to === to ? old : { from, to }));
    };
    measure();
    element.addEventListener("scroll", measure, { passive: true });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => {
      element.removeEventListener("scroll", measure);
      observer.disconnect();
    };
  }, [rows, height]);
  return printing || rows <= MIN_ROWS ? { from: 0, to: rows, partly: false } : { from: Math.min(slice.from, rows), to: Math.min(slice.to, rows), partly: true };
}

/** Paper has all rows in sight. */
function usePrinting(): boolean {
  const [printing, setPrinting] = useState(false);
  useLayoutEffect(() => {
    const begin = () => setPrinting(true);
    const end = () => setPrinting(false);
    window.addEventListener("beforeprint", begin);
    window.addEventListener("afterprint", end);
    return () => {
      window.removeEventListener("beforeprint", begin);
      window.removeEventListener("afterprint", end);
    };
  }, []);
  return printing;
}

/** A control that is scrolled out of sight must not go on as that of another row: the table has the focus then. */
function keepFocus(box: HTMLElement, from: number, to: number): void {
  const row = document.activeElement?.closest("tbody tr[aria-rowindex]");
  if (!row || !box.contains(row)) return;
  const n = Number(row.getAttribute("aria-rowindex")) - 2;
  if (n < from || n >= to) box.focus({ preventScroll: true });
}
