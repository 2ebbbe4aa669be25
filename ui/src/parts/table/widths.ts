/** The widths of the columns of a long table, taken once as the browser laid them out: columns then neither jump while one
 * scrolls nor cost a layout of the whole table. */
import type { RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

/** Null until measured, and for tables that are drawn whole. `key` names what is laid out. */
export function useWidths(box: RefObject<HTMLElement | null>, wanted: boolean, key: string): number[] | null {
  const [found, setFound] = useState<{ key: string; widths: number[] } | null>(null);
  const [room, setRoom] = useState(0);
  const now = `${key} ${room}`;
  const widths = wanted && found?.key === now ? found.widths : null;
  useLayoutEffect(() => {
    const element = box.current;
    if (!wanted || !element) return;
    const observer = new ResizeObserver(() => setRoom(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, [wanted]);
  useLayoutEffect(() => {
    const element = box.current;
    if (!wanted || !element || room === 0 || found?.key === now) return;
    const heads = [...element.querySelectorAll("thead th")];
    setFound({ key: now, widths: heads.map((head) => head.getBoundingClientRect().width) });
  });
  return widths;
}
