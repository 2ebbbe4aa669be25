/** Pixels between what opens and the edge of the window. */
const EDGE = 8;

/** Scrolls what a form complains of into sight. */
export function reveal(complaint: Element | null): void {
  if (complaint?.closest("form, dialog")) complaint.scrollIntoView({ block: "nearest" });
}

/** Moves what has opened at its button into the window, where a side of it would be out of sight. */
export function keepInside(box: HTMLElement | null): void {
  if (!box) return;
  const { left, right } = box.getBoundingClientRect();
  const past = Math.min(0, left - EDGE) + Math.max(0, right + EDGE - document.documentElement.clientWidth);
  if (past !== 0) box.style.translate = `${-past}px`;
}
