/** Which rows of a long table are in sight, so that only those exist. */
import type { RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";
import { rowHeight } from "../../state/theme";

const SPARE = 14;
/** Shorter tables are drawn whole. */
const MIN_ROWS = 80;

export interface Slice {
  from: number;
  to: number;
}

export function useWindow(box: RefObject<HTMLElement | null>, rows: number): Slice {
  const [slice, setSlice] = useState<Slice>({ from: 0, to: MIN_ROWS });
  const height = rowHeight.value;
  useLayoutEffect(() => {
    const element = box.current;
    if (!element || rows <= MIN_ROWS) return;
    const measure = () => {
      const first = Math.floor(element.scrollTop / height);
      const seen = Math.ceil(element.clientHeight / height);
      // In steps, so that not every scrolled pixel draws anew.
      const from = Math.max(0, Math.floor((first - SPARE) / 8) * 8);
      const to = Math.min(rows, from + seen + 2 * SPARE + 8);
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
  return rows <= MIN_ROWS ? { from: 0, to: rows } : { from: Math.min(slice.from, rows), to: Math.min(slice.to, rows) };
}
