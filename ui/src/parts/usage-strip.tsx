/** The last 7 days of a key, a user or a model in one line and a small chart. */
import { useMemo } from "preact/hooks";
import { type Filter, readUsage } from "../api/usage";
import { dollars, percent, short } from "../format/numbers";
import { useResource } from "../state/resource";
import { text } from "../text";
import { Spark } from "./chart/spark";
import { Await } from "./states";

const DAYS = 7;

export function UsageStrip({ filter, title }: { filter: Filter; title: string }) {
  const words = text.overview.cards;
  const from = useMemo(() => new Date(Date.now() - DAYS * 86_400_000).toISOString(), []);
  const usage = useResource(JSON.stringify(filter), (signal) => readUsage("/api/admin", { ...filter, from, step: "hour" }, signal));
  return (
    <section class="strip" aria-label={title}>
      <h3>{title}</h3>
      <Await of={usage} rows={1}>
        {(found) => (
          <div class="row spread">
            <dl class="answer-facts">
              <div><dt>{words.requests}</dt><dd>{short(found.figures.requests)}</dd></div>
              <div><dt>{words.success}</dt><dd>{percent(found.figures.success)}</dd></div>
              <div><dt>{words.tokens}</dt><dd>{short((found.figures.input_tokens ?? 0) + (found.figures.output_tokens ?? 0))}</dd></div>
              <div><dt>{words.cost}</dt><dd>{dollars(found.figures.cost_usd)}</dd></div>
            </dl>
            <Spark width={180} values={(found.series ?? []).map((point) => point.figures.requests ?? 0)} />
          </div>
        )}
      </Await>
    </section>
  );
}
