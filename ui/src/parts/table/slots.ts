/** Elements for the rows of a window: a row keeps its elements while it is drawn, and those of a row that leaves are taken
 * by one that comes. Changing their text is several times cheaper than making new ones. */
import { useRef } from "preact/hooks";

/** One number for each row, to be the key of its element. */
export function useSlots(keys: string[]): number[] {
  const before = useRef(new Map<string, number>());
  const now = new Map<string, number>();
  for (const key of keys) {
    const slot = before.current.get(key);
    if (slot !== undefined) now.set(key, slot);
  }
  const taken = new Set(now.values());
  const free = [...before.current.values()].filter((slot) => !taken.has(slot));
  let next = before.current.size;
  for (const key of keys) {
    if (!now.has(key)) now.set(key, free.pop() ?? next++);
  }
  before.current = now;
  return keys.map((key) => now.get(key) ?? 0);
}
