/** What a tab keeps as long as its key: it goes into the tab's storage when the page is left, and ends with the key. */
import { effect } from "@preact/signals";
import { apiKey, masked } from "./access";

interface Kept<T> {
  /** Whose it is, masked. */
  key: string;
  value: T;
}

/** What was kept. `told` gives what is to be kept, and smaller ones where that is too much; none where there is nothing. */
export function keptWithKey<T>(name: string, told: () => T[], forget: () => void): T | null {
  const found = read<T>(name);
  effect(() => {
    if (!apiKey.value) forget();
  });
  window.addEventListener("pagehide", () => write(name, told()));
  return found;
}

function read<T>(name: string): T | null {
  try {
    const kept = JSON.parse(window.sessionStorage.getItem(name) ?? "null") as Kept<T> | null;
    return kept && kept.key === masked(apiKey.peek()) ? kept.value : null;
  } catch {
    return null;
  }
}

function write<T>(name: string, values: T[]): void {
  for (const value of values) {
    try {
      window.sessionStorage.setItem(name, JSON.stringify({ key: masked(apiKey.peek()), value } satisfies Kept<T>));
      return;
    } catch {
      // Too much for the storage: something smaller may fit.
    }
  }
  window.sessionStorage.removeItem(name);
}
