/** The report of a period: every figure against the period before, its groups with theirs, and how they went over time. */
import { useMemo } from "preact/hooks";
import type { Usage } from "../../api/types";
import { type Filter, readUsage } from "../../api/usage";
import { dollars, duration, percent, short } from "../../format/numbers";
import { day } from "../../format/times";
import { LinkButton } from "../../parts/button";
import { Change } from "../../parts/change";
import { Chart } from "../../parts/chart/chart";
import { Select } from "../../parts/field";
import { Panel } from "../../parts/page";
import { Await, Empty } from "../../parts/states";
import type { Column } from "../../parts/table/column";
import { Table } from "../../parts/table/table";
import { CsvButton, useView } from "../../parts/table/tools";
import { useEvery, useResource } from "../../state/resource";
import { navigate, query, setQuery } from "../../state/router";
import { text } from "../../text";
import { axisOf, label, period, RANGES, stamp } from "../overview/ranges";
import { change, type ComparedGroup, compareGroups, type Figure, FIGURES, perMillion } from "./figures";
import { type Measure, MEASURES, stacked } from "./stacked";

const REFRESH = 60_000;

interface Both {
  usage: Usage;
  groups: ComparedGroup[];
}

/** The period by group with the one before it; by day the groups are the days themselves. */
async function readBoth(range: string, by: string, signal: AbortSignal): Promise<Both> {
  const seconds = RANGES[range]?.seconds ?? 0;
  const { from, to, step } = period(range);
  const asked: Filter = by === "day" ? { from, to, step: "day" } : { from, to, step, group: by };
  const earlier: Filter = { from: new Date(Date.parse(from) - seconds * 1000).toISOString(), to: from, group: by };
  const [usage, before] = await Promise.all([readUsage("/api/admin", asked, signal), by === "day" ? null : readUsage("/api/admin", earlier, signal)]);
  return { usage, groups: before ? compareGroups(usage.groups ?? [], before.groups ?? []) : days(usage) };
}

/** Each day is compared with the day before it. */
function days(usage: Usage): ComparedGroup[] {
  return (usage.series ?? []).map((point, n, all) => ({ label: stamp(point.at, "day"), name: day(point.at), figures: point.figures, before: all[n - 1]?.figures }));
}

export function UsageReport({ range }: { range: string }) {
  const by = query.value.get("by") ?? "model";
  const words = text.usage;
  const both = useResource(JSON.stringify([range, by]), (signal) => readBoth(range, by, signal));
  useEvery(REFRESH, both.reload);
  return (
    <Await of={both} rows={10}>
      {({ usage, groups }) => usage.figures.requests ? (
        <>
          <GroupTable groups={groups} by={by} usage={usage} />
          <div class="grid-2 uneven beside">
            <OverTime usage={usage} range={range} by={by} />
            <Comparison usage={usage} />
          </div>
        </>
      ) : <Panel><Empty icon="chart" title={words.empty} action={<LinkButton to="/playground" kind="primary" icon="playground">{text.overview.toPlayground}</LinkButton>}>{words.emptyLead}</Empty></Panel>}
    </Await>
  );
}

function Comparison({ usage }: { usage: Usage }) {
  const words = text.usage;
  const rows = useMemo(() => FIGURES.filter((one) => one.value(usage.figures) != null || one.value(usage.before) != null), [usage]);
  const columns = useMemo((): Column<Figure>[] => [
    { id: "figure", header: words.columns.figure, value: (row) => words.figures[row.id], cell: (row) => words.figures[row.id] },
    { id: "now", header: words.columns.now, numeric: true, value: (row) => row.value(usage.figures), cell: (row) => row.show(row.value(usage.figures)) },
    { id: "before", header: words.columns.before, numeric: true, value: (row) => row.value(usage.before), cell: (row) => <span class="muted">{row.show(row.value(usage.before))}</span> },
    { id: "change", header: words.columns.change, numeric: true, value: (row) => change(row.value(usage.figures), row.value(usage.before)), cell: (row) => <Change change={change(row.value(usage.figures), row.value(usage.before))} good={row.good} /> },
  ], [usage]);
  return (
    <Panel title={words.compared} flush actions={<CsvButton name="usage-compared" columns={columns} rows={rows} />}>
      <Table label={words.compared} columns={columns} rows={rows} rowKey={(row) => row.id} sorting={null} onSort={() => undefined} />
    </Panel>
  );
}

function OverTime({ usage, range, by }: { usage: Usage; range: string; by: string }) {
  const words = text.usage;
  const measure = (query.value.get("figure") ?? "requests") as Measure;
  const { seconds } = RANGES[range] ?? { seconds: 86_400 };
  const step = by === "day" ? "day" : period(range).step;
  const points = usage.series ?? [];
  const names = new Map((usage.groups ?? []).map((group) => [group.label, group.name || group.label]));
  return (
    <Chart
      title={by === "day" ? words.chart[measure] : words.chart.title((words.groups[by as keyof typeof words.groups] ?? by).toLowerCase())}
      kind="bars"
      tall
      axis={axisOf(step)}
      labels={points.map((point) => label(point.at, step, seconds))}
      exact={points.map((point) => stamp(point.at, step))}
      series={stacked(points, measure, by === "day" ? null : names)}
      format={measure === "cost" ? dollars : (value) => short(value)}
      tools={<Select aria-label={words.chart.figure} value={measure} options={MEASURES.map((value) => ({ value, label: words.chart[value] }))} onChange={(value) => setQuery({ figure: value })} />}
    />
  );
}

const FILTER_OF: Record<string, string> = { model: "model", key: "key_id", user: "user_id", provider: "provider_id", operation: "operation" };

function GroupTable({ groups, by, usage }: { groups: ComparedGroup[]; by: string; usage: Usage }) {
  const words = text.usage;
  const columns = useMemo(() => columnsOf(by), [by]);
  const view = useView(`usage-${by}`, columns, by === "day" ? "-label" : "-requests");
  const filter = FILTER_OF[by];
  const title = `${words.by} ${(words.groups[by as keyof typeof words.groups] ?? by).toLowerCase()}`;
  return (
    <Panel
      title={title}
      flush
      note={by === "day" ? undefined : `${short(usage.figures.requests)} ${text.requests.unit(usage.figures.requests ?? 0)} · ${dollars(usage.figures.cost_usd)}`}
      actions={
        <>
          <Select aria-label={words.by} value={by} options={Object.entries(words.groups).map(([value, name]) => ({ value, label: name }))} onChange={(value) => setQuery({ by: value, sort: null })} />
          <CsvButton name={`usage-by-${by}`} columns={columns} rows={groups} />
        </>
      }
    >
      <Table label={title} columns={view.columns} rows={groups} rowKey={(row) => row.label} sorting={view.sorting} onSort={view.onSort} {...(filter ? { onOpen: (row: ComparedGroup) => navigate(`/requests?${filter}=${encodeURIComponent(row.label)}`) } : {})} />
    </Panel>
  );
}

function columnsOf(by: string): Column<ComparedGroup>[] {
  const words = text.usage;
  const { cards } = text.overview;
  const tokens = (row: ComparedGroup) => (row.figures.input_tokens ?? 0) + (row.figures.output_tokens ?? 0);
  const requests = (row: ComparedGroup) => change(row.figures.requests, row.before?.requests);
  const cost = (row: ComparedGroup) => change(row.figures.cost_usd, row.before?.cost_usd);
  return [
    { id: "label", header: words.groups[by as keyof typeof words.groups] ?? by, value: (row) => (by === "day" ? row.label : row.name || row.label), cell: (row) => <span class="cell-main"><span title={row.label}>{row.name || row.label || "–"}</span></span>, ...(by === "day" ? { help: words.dayHelp } : {}) },
    { id: "requests", header: cards.requests, numeric: true, value: (row) => row.figures.requests, cell: (row) => <Compared value={short(row.figures.requests)} change={requests(row)} fresh={!row.before?.requests && by !== "day"} /> },
    { id: "success", header: cards.success, numeric: true, value: (row) => row.figures.success, cell: (row) => percent(row.figures.success), help: words.figures.success },
    { id: "errors", header: words.figures.errors, numeric: true, extra: true, value: (row) => row.figures.errors, cell: (row) => short(row.figures.errors) },
    { id: "p50", header: cards.latency, numeric: true, value: (row) => row.figures.latency?.p50, cell: (row) => duration(row.figures.latency?.p50) },
    { id: "p95", header: words.figures.p95, numeric: true, extra: true, value: (row) => row.figures.latency?.p95, cell: (row) => duration(row.figures.latency?.p95) },
    { id: "ttft", header: cards.ttft, numeric: true, value: (row) => row.figures.first_token?.p50, cell: (row) => duration(row.figures.first_token?.p50) },
    { id: "input", header: words.figures.input, numeric: true, value: (row) => row.figures.input_tokens, cell: (row) => short(row.figures.input_tokens) },
    { id: "output", header: words.figures.output, numeric: true, value: (row) => row.figures.output_tokens, cell: (row) => short(row.figures.output_tokens) },
    { id: "tokens", header: cards.tokens, numeric: true, extra: true, value: tokens, cell: (row) => short(tokens(row)) },
    { id: "cost", header: cards.cost, numeric: true, value: (row) => row.figures.cost_usd, cell: (row) => <Compared value={dollars(row.figures.cost_usd)} change={cost(row)} /> },
    { id: "per_million", header: words.table.perMillion, numeric: true, value: (row) => perMillion(row.figures), cell: (row) => dollars(perMillion(row.figures)) },
    { id: "requests_change", header: words.table.change, numeric: true, extra: true, value: requests, cell: (row) => <Change change={requests(row)} /> },
    { id: "cost_change", header: words.table.costChange, numeric: true, extra: true, value: cost, cell: (row) => <Change change={cost(row)} /> },
  ];
}

function Compared({ value, change: more, fresh }: { value: string; change: number | null; fresh?: boolean }) {
  return <span class="compared">{fresh ? <small>{text.usage.table.fresh}</small> : <Change change={more} />}<span>{value}</span></span>;
}
