/** A clock for figures that count while one looks: it ticks only while somebody reads it. */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

const EVERY = 200;
const now = signal(Date.now());
let readers = 0;
let timer = 0;

export function useNow(): number {
  useEffect(() => {
    readers += 1;
    if (readers === 1) timer = window.setInterval(() => { now.value = Date.now(); }, EVERY);
    return () => {
      readers -= 1;
      if (readers === 0) clearInterval(timer);
    };
  }, []);
  return now.value;
}
