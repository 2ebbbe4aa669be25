/** With what right /v1 is called from these pages: a pasted key, kept in this tab only. */
import { effect, signal } from "@preact/signals";

const NAME = "gateway.key";

function stored(): string {
  try {
    return window.sessionStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}

export const apiKey = signal(stored());

effect(() => {
  try {
    if (apiKey.value) window.sessionStorage.setItem(NAME, apiKey.value);
    else window.sessionStorage.removeItem(NAME);
  } catch {
    // Without storage the key lives as long as the page.
  }
});

export function masked(key: string): string {
  return key.length > 12 ? `${key.slice(0, 5)}…${key.slice(-4)}` : "••••";
}
