/** With what right /v1 is called from these pages: a pasted key, or one that was made for this tab; kept in this tab only. */
import { effect, type Signal, signal } from "@preact/signals";

export const apiKey = keptInTab("gateway.key");
/** Of the key that was made for this tab; empty for a pasted one. */
export const tabKeyId = keptInTab("gateway.key-id");

function keptInTab(name: string): Signal<string> {
  const value = signal(stored(name));
  effect(() => {
    try {
      if (value.value) window.sessionStorage.setItem(name, value.value);
      else window.sessionStorage.removeItem(name);
    } catch {
      // Without storage it lives as long as the page.
    }
  });
  return value;
}

function stored(name: string): string {
  try {
    return window.sessionStorage.getItem(name) ?? "";
  } catch {
    return "";
  }
}

export function masked(key: string): string {
  return key.length > 12 ? `${key.slice(0, 5)}…${key.slice(-4)}` : "••••";
}
