/** Choices of this browser (theme, columns, parameters), kept in its storage; never keys or answers. */
import { effect, type Signal, signal } from "@preact/signals";

export function kept<T>(name: string, initial: T): Signal<T> {
  const stored = read(`gateway.${name}`);
  const value = signal<T>(stored === undefined ? initial : (stored as T));
  effect(() => {
    write(`gateway.${name}`, value.value);
  });
  return value;
}

function read(name: string): unknown {
  try {
    const text = window.localStorage.getItem(name);
    return text === null ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function write(name: string, value: unknown): void {
  try {
    window.localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // A browser that keeps nothing still shows everything.
  }
}
