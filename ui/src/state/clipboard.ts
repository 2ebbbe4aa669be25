/** Copies text. A page that came over plain HTTP from another host has no clipboard of its own: it marks and copies. */
import { text } from "../text";

/** Throws an Error whose message says what to do where the browser does not let it. */
export async function copyText(content: string): Promise<void> {
  if (isSecureContext && navigator.clipboard) return navigator.clipboard.writeText(content);
  if (!copyMarked(content)) throw new Error(text.common.noClipboard);
}

function copyMarked(content: string): boolean {
  const before = document.activeElement;
  const area = document.createElement("textarea");
  area.value = content;
  area.className = "hidden";
  // Beside a modal dialog nothing can be marked.
  (Array.from(document.querySelectorAll("dialog:modal")).at(-1) ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (before instanceof HTMLElement) before.focus();
  return done;
}
