/** What a what-if found: of one model who would answer, of all models what each would cost and how long it would take. */
import { useMemo } from "preact/hooks";
import type { PolicyShare, PolicyWhatIf, WhatIf } from "../../api/types";
import { decimal, dollars, duration, percent, short } from "../../format/numbers";
import { Change } from "../../parts/change";
import { Chart } from "../../parts/chart/chart";
import { Panel } from "../../parts/page";
import type { Column } from "../../parts/table/column";
import { Table } from "../../parts/table/table";
import { CsvButton, useView } from "../../parts/table/tools";
import { navigate } from "../../state/router";
import { text } from "../../text";
import { askedRange } from "../overview/ranges";
import { change } from "./figures";

interface Sum {
  cost_usd: number;
  latency_ms: number | null;
  failing: number;
  priced: number;
}

function Verdict({ before, after, replayed, requests, truncated }: { before: Sum; after: Sum; replayed: number; requests: number; truncated: boolean }) {
  const words = text.usage.whatIf;
  const saved = before.cost_usd - after.cost_usd;
  const share = percent(Math.abs(change(after.cost_usd, before.cost_usd) ?? 0), 1);
  const same = Math.abs(saved) < 1e-9;
  const known = before.latency_ms !== null && after.latency_ms !== null;
  const longer = known ? (after.latency_ms ?? 0) - (before.latency_ms ?? 0) : 0;
  const tone = after.failing > before.failing + 0.001 ? "bad" : saved > 1e-9 ? "ok" : same ? "" : "warn";
  return (
    <section class={`verdict ${tone}`} role="status">
      <strong>{same ? words.same : saved > 0 ? words.cheaper(share, dollars(saved)) : words.dearer(share, dollars(-saved))}</strong>
      <span>{!known ? words.noTime : Math.abs(longer) < 1 ? words.sameTime : longer < 0 ? words.faster(duration(-longer)) : words.slower(duration(longer))}</span>
      {after.failing > 0.0005 && <span>{words.failing(percent(after.failing))}</span>}
      {after.priced < 0.9995 && <span>{words.priced(percent(after.priced))}</span>}
      <span class="muted">{words.replayed(short(replayed), short(requests))} {truncated && words.truncated}</span>
    </section>
  );
}

export function OneModel({ view }: { view: WhatIf }) {
  const words = text.usage.whatIf;
  const before = view.before ?? { cost_usd: view.actual_cost_usd, latency_ms: view.actual_latency_ms, failing: 0, priced: 1, timed: 1 };
  const columns = useMemo((): Column<WhatIf["targets"][number]>[] => {
    const heads = words.shareColumns;
    return [
      { id: "target", header: heads.target, value: (row) => `${row.provider_id}/${row.upstream_model}`, cell: (row) => <code>{row.provider_id}/{row.upstream_model}</code> },
      { id: "before", header: heads.before, numeric: true, value: (row) => row.before, cell: (row) => percent(row.before) },
      { id: "after", header: heads.after, numeric: true, value: (row) => row.after, cell: (row) => <strong>{percent(row.after)}</strong> },
      { id: "attempts", header: heads.attempts, numeric: true, value: (row) => row.attempts, cell: (row) => short(row.attempts) },
      { id: "failing", header: heads.failing, numeric: true, value: (row) => row.failing, cell: (row) => percent(row.failing) },
      { id: "ttft", header: heads.ttft, numeric: true, value: (row) => row.first_content_ms, cell: (row) => duration(row.first_content_ms) },
      { id: "speed", header: heads.speed, numeric: true, value: (row) => row.tokens_per_second, cell: (row) => decimal(row.tokens_per_second, 0) },
      { id: "priced", header: heads.priced, value: (row) => row.priced, cell: (row) => (row.priced ? text.common.yes : text.common.no) },
    ];
  }, []);
  return (
    <>
      <Verdict before={before} after={view.after} replayed={view.replayed} requests={view.requests} truncated={view.truncated} />
      <div class="grid-2">
        <Chart title={text.overview.charts.cost} axis={words.columns.model} kind="bars" labels={[words.expected.actual, words.expected.before, words.expected.after]} format={dollars} series={[{ name: text.overview.charts.cost, values: [view.actual_cost_usd, view.before?.cost_usd ?? null, view.after.cost_usd] }]} />
        <Chart title={text.overview.charts.latency} axis={words.columns.model} kind="bars" labels={[words.expected.actual, words.expected.before, words.expected.after]} format={duration} series={[{ name: text.overview.charts.latency, values: [view.actual_latency_ms, view.before?.latency_ms ?? null, view.after.latency_ms] }]} />
      </div>
      <Panel title={words.shares} flush actions={<CsvButton name={`what-if-${view.model}`} columns={columns} rows={view.targets} />}>
        <Table label={words.shares} columns={columns} rows={view.targets} rowKey={(row) => `${row.provider_id}/${row.upstream_model}`} sorting={null} onSort={() => undefined} />
      </Panel>
      <Assumptions lines={view.assumptions} />
    </>
  );
}

export function AllModels({ view }: { view: PolicyWhatIf }) {
  const words = text.usage.whatIf;
  const columns = useMemo(columnsOf, []);
  const table = useView("what-if", columns, "-before");
  const open = (row: PolicyShare) => navigate(`/usage/what-if?range=${askedRange("7d")}&model=${encodeURIComponent(row.model)}&policy=${view.policy}&go=1`);
  return (
    <>
      <Verdict before={sum(view.models, "before")} after={sum(view.models, "after")} replayed={view.models.reduce((n, one) => n + one.replayed, 0)} requests={view.models.reduce((n, one) => n + one.requests, 0)} truncated={view.truncated} />
      <Panel title={words.models} flush actions={<CsvButton name={`what-if-${view.policy}`} columns={columns} rows={view.models} />}>
        <Table label={words.models} columns={table.columns} rows={view.models} rowKey={(row) => row.model} sorting={table.sorting} onSort={table.onSort} onOpen={open} />
      </Panel>
      <Assumptions lines={view.assumptions} />
    </>
  );
}

/** Means are weighted by requests. */
function sum(models: PolicyShare[], which: "before" | "after"): Sum {
  const replayed = models.reduce((n, one) => n + one.replayed, 0) || 1;
  const mean = (of: (one: PolicyShare) => number) => models.reduce((n, one) => n + of(one) * one.replayed, 0) / replayed;
  const timed = models.filter((one) => one.before.latency_ms !== null && one.after.latency_ms !== null);
  const requests = timed.reduce((n, one) => n + one.replayed, 0);
  return {
    cost_usd: models.reduce((n, one) => n + one[which].cost_usd, 0),
    latency_ms: requests ? timed.reduce((n, one) => n + (one[which].latency_ms ?? 0) * one.replayed, 0) / requests : null,
    failing: mean((one) => one[which].failing),
    priced: mean((one) => one[which].priced),
  };
}

function columnsOf(): Column<PolicyShare>[] {
  const words = text.usage.whatIf.columns;
  const cost = (row: PolicyShare) => change(row.after.cost_usd, row.before.cost_usd);
  const latency = (row: PolicyShare) => (row.after.latency_ms === null ? null : change(row.after.latency_ms, row.before.latency_ms));
  return [
    { id: "model", header: words.model, value: (row) => row.model, cell: (row) => <span class="cell-main"><span>{row.model}</span></span> },
    { id: "policy", header: words.policy, value: (row) => row.policy, cell: (row) => <span class="muted">{row.policy}</span> },
    { id: "requests", header: words.requests, numeric: true, value: (row) => row.replayed, cell: (row) => short(row.replayed) },
    { id: "before", header: words.before, numeric: true, value: (row) => row.before.cost_usd, cell: (row) => dollars(row.before.cost_usd) },
    { id: "after", header: words.after, numeric: true, value: (row) => row.after.cost_usd, cell: (row) => dollars(row.after.cost_usd) },
    { id: "difference", header: words.difference, numeric: true, value: cost, cell: (row) => <Change change={cost(row)} good="down" title={words.difference} /> },
    { id: "latency_before", header: words.latencyBefore, numeric: true, value: (row) => row.before.latency_ms, cell: (row) => duration(row.before.latency_ms) },
    { id: "latency_after", header: words.latencyAfter, numeric: true, value: (row) => row.after.latency_ms, cell: (row) => duration(row.after.latency_ms) },
    { id: "latency", header: words.latency, numeric: true, value: latency, cell: (row) => <Change change={latency(row)} good="down" title={words.latency} /> },
    { id: "failing", header: words.failing, numeric: true, value: (row) => row.after.failing, cell: (row) => percent(row.after.failing) },
  ];
}

function Assumptions({ lines }: { lines: string[] }) {
  return (
    <details class="panel">
      <summary>{text.usage.whatIf.assumptions}</summary>
      <ul class="assumptions">{lines.map((line) => <li key={line}>{line}</li>)}</ul>
    </details>
  );
}
