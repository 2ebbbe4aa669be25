/** Short messages at the edge of the screen, with undo where there is one. */
import { signal } from "@preact/signals";
import { messageOf } from "../api/errors";

export interface Toast {
  id: number;
  text: string;
  kind: "ok" | "bad";
  action?: { label: string; run: () => void };
}

export const toasts = signal<Toast[]>([]);
let last = 0;

function show(toast: Omit<Toast, "id">, seconds: number): void {
  last += 1;
  const id = last;
  toasts.value = [...toasts.value.slice(-3), { ...toast, id }];
  setTimeout(() => dismiss(id), seconds * 1000);
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

export function say(text: string, action?: Toast["action"]): void {
  show({ text, kind: "ok", ...(action ? { action } : {}) }, action ? 10 : 4);
}

export function complain(error: unknown): void {
  show({ text: messageOf(error), kind: "bad" }, 10);
}
