/** j and k walk through the rows of the table on the screen, Enter opens. Enter and the arrow lead there from the search. */
import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { isCovered } from "../modal";
import { rowHeight } from "../../state/theme";

interface RowKeys {
  box: RefObject<HTMLElement | null>;
  count: number;
  active: number;
  setActive: (n: number) => void;
  open: (n: number) => void;
}

export function useRowKeys(keys: RowKeys): void {
  const latest = useRef(keys);
  latest.current = keys;
  useLayoutEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const { box, count, active, setActive, open } = latest.current;
      if (leavesSearch(event) && count > 0) {
        setActive(0);
        reveal(box.current, 0);
        box.current?.focus();
        event.preventDefault();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || isCovered()) return;
      const inside = box.current?.contains(event.target as Node) ?? false;
      const down = event.key === "j" || (inside && event.key === "ArrowDown");
      const up = event.key === "k" || (inside && event.key === "ArrowUp");
      if ((down || up) && count > 0) {
        const n = Math.max(0, Math.min(count - 1, active + (down ? 1 : -1)));
        latest.current = { ...latest.current, active: n }; // the next key may come before the next drawing
        setActive(n);
        reveal(box.current, n);
        event.preventDefault();
      } else if (event.key === "Enter" && active >= 0 && (isNothing(event.target) || event.target === box.current)) {
        open(active);
      }
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
}

/** What has the focus where nothing special has it. */
function isNothing(target: EventTarget | null): boolean {
  return target === document.body || (target as HTMLElement).id === "main";
}

function leavesSearch(event: KeyboardEvent): boolean {
  return (event.key === "ArrowDown" || event.key === "Enter") && !event.isComposing && (event.target as HTMLElement).matches("[data-search]");
}

export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

function reveal(box: HTMLElement | null, n: number): void {
  if (!box) return;
  const height = rowHeight.value;
  const top = n * height;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + 2 * height > box.scrollTop + box.clientHeight) box.scrollTop = top + 2 * height - box.clientHeight;
}
