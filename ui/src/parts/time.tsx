/** A time, relative, with the exact one on hover. */
import { exact, type Moment, relative, toDate } from "../format/times";
import { useMinutes } from "../state/ticking";

export function Time({ at }: { at: Moment }) {
  const date = toDate(at);
  return (
    <time class="time" dateTime={date?.toISOString()} title={exact(at)}>
      {relative(at, useMinutes())}
    </time>
  );
}
