/** Clocks for what counts on while one looks: each ticks only while somebody reads it. */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

/** For figures that one watches. */
export const useNow = clock(200);
/** For times that are told in minutes and hours. */
export const useMinutes = clock(20_000);

/** A hook that gives the milliseconds of this moment, and draws anew so often. */
function clock(every: number): () => number {
  const ticks = signal(0);
  let readers = 0;
  let timer = 0;
  return () => {
    useEffect(() => {
      readers += 1;
      if (readers === 1) timer = window.setInterval(() => { ticks.value += 1; }, every);
      return () => {
        readers -= 1;
        if (readers === 0) clearInterval(timer);
      };
    }, []);
    void ticks.value;
    return Date.now();
  };
}
