/** How much more or less than before, with an arrow: good or bad only where that is clear. */
import { percent } from "../format/numbers";
import { text } from "../text";
import { Icon } from "./icon";

/** Beyond it a change against almost nothing says nothing more. */
const MOST = 9.99;
const LEAST = 0.0005;

export function Change({ change, good, title }: { change: number | null | undefined; good?: "up" | "down" | undefined; title?: string }) {
  if (change == null || Math.abs(change) < LEAST) return null;
  const better = good && (change > 0) === (good === "up");
  return (
    <span class={good ? `change ${better ? "good" : "bad"}` : "change"} title={title ?? text.overview.cards.before}>
      <Icon name={change > 0 ? "up" : "down"} size={11} />
      {change > MOST ? `>${percent(MOST, 0)}` : percent(Math.abs(change), Math.abs(change) < 0.1 ? 1 : 0)}
    </span>
  );
}
