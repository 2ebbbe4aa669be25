/** A value that follows what is typed after a pause of 300 ms, so that not every key asks the server. */
import { useEffect, useState } from "preact/hooks";

const PAUSE = 300;

export function useSlow<T>(value: T): T {
  const [slow, setSlow] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(value), PAUSE);
    return () => clearTimeout(timer);
  }, [value]);
  return slow;
}
