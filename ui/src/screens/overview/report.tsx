/** The figures of a period: cards, charts, groups, errors. Also used for a user's own usage. */
import type { Usage } from "../../api/types";
import type { Root } from "../../api/usage";
import { dollars, duration, short } from "../../format/numbers";
import { LinkButton } from "../../parts/button";
import { Chart } from "../../parts/chart/chart";
import { Panel } from "../../parts/page";
import { Empty } from "../../parts/states";
import { text } from "../../text";
import { Cards } from "./cards";
import { Errors, Groups } from "./breakdown";
import { axisOf, label, RANGES, stamp } from "./ranges";

export function Report({ usage, range, group, root }: { usage: Usage; range: string; group: string; root: Root }) {
  const words = text.overview;
  if (!usage.figures.requests) {
    return <Panel><Empty icon="overview" title={words.emptyTitle} action={<LinkButton to="/playground" kind="primary" icon="playground">{words.toPlayground}</LinkButton>}>{words.emptyLead}</Empty></Panel>;
  }
  return (
    <>
      <Cards usage={usage} />
      <Charts usage={usage} range={range} />
      <div class="grid-2 uneven">
        <Groups usage={usage} group={group} root={root} />
        <Errors usage={usage} root={root} />
      </div>
    </>
  );
}

function Charts({ usage, range }: { usage: Usage; range: string }) {
  const words = text.overview.charts;
  const { step, seconds } = RANGES[range] ?? { step: "hour" as const, seconds: 86_400 };
  const series = usage.series ?? [];
  const labels = series.map((point) => label(point.at, step, seconds));
  const time = { labels, exact: series.map((point) => stamp(point.at, step)), axis: axisOf(step) };
  const of = (pick: (point: (typeof series)[number]["figures"]) => number | null | undefined) => series.map((point) => pick(point.figures) ?? null);
  return (
    <div class="grid-2">
      <Chart title={words.requests} kind="bars" {...time} format={(value) => short(value)} series={[{ name: words.answered, values: of((f) => (f.requests ?? 0) - (f.errors ?? 0)) }, { name: words.failed, tone: "bad", values: of((f) => f.errors) }]} />
      <Chart title={words.latency} {...time} format={duration} series={[{ name: "p50", values: of((f) => f.latency?.p50) }, { name: "p95", values: of((f) => f.latency?.p95) }, { name: words.ttft, values: of((f) => f.first_token?.p50) }]} />
      <Chart title={words.tokens} kind="bars" {...time} format={(value) => short(value)} series={[{ name: words.input, values: of((f) => f.input_tokens) }, { name: words.output, values: of((f) => f.output_tokens) }]} />
      <Chart title={words.cost} {...time} format={dollars} series={[{ name: words.cost, values: of((f) => f.cost_usd) }]} />
    </div>
  );
}
