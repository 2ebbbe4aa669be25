/** Where the requests of a period went, and what went wrong. */
import { useMemo } from "preact/hooks";
import type { Group, Usage } from "../../api/types";
import type { Root } from "../../api/usage";
import { dollars, duration, percent, short } from "../../format/numbers";
import { Meter } from "../../parts/badge";
import { Select } from "../../parts/field";
import { Panel } from "../../parts/page";
import type { Column } from "../../parts/table/column";
import { Table } from "../../parts/table/table";
import { CsvButton, useView } from "../../parts/table/tools";
import { Time } from "../../parts/time";
import { href, navigate, setQuery } from "../../state/router";
import { text } from "../../text";

const FILTER_OF: Record<string, string> = { model: "model", key: "key_id", user: "user_id", provider: "provider_id", operation: "operation" };

export function Groups({ usage, group, root }: { usage: Usage; group: string; root: Root }) {
  const words = text.overview;
  const total = usage.figures.requests ?? 1;
  const columns = useMemo((): Column<Group>[] => [
    { id: "label", header: words.groups[group] ?? group, value: (row) => row.name || row.label, cell: (row) => <span class="cell-main"><span title={row.label}>{row.name || row.label || "–"}</span></span> },
    { id: "requests", header: words.cards.requests, numeric: true, value: (row) => row.figures.requests, cell: (row) => short(row.figures.requests) },
    { id: "share", header: "", width: "84px", cell: (row) => <Meter value={(row.figures.requests ?? 0) / total} label={words.cards.requests} /> },
    { id: "success", header: words.cards.success, numeric: true, value: (row) => row.figures.success, cell: (row) => percent(row.figures.success) },
    { id: "p50", header: words.cards.latency, numeric: true, value: (row) => row.figures.latency?.p50, cell: (row) => duration(row.figures.latency?.p50) },
    { id: "tokens", header: words.cards.tokens, numeric: true, value: (row) => (row.figures.input_tokens ?? 0) + (row.figures.output_tokens ?? 0), cell: (row) => short((row.figures.input_tokens ?? 0) + (row.figures.output_tokens ?? 0)) },
    { id: "cost", header: words.cards.cost, numeric: true, value: (row) => row.figures.cost_usd, cell: (row) => dollars(row.figures.cost_usd) },
  ], [group, total]);
  const view = useView(`groups-${group}`, columns, "-requests");
  const title = `${words.groups.title ?? ""} ${(words.groups[group] ?? group).toLowerCase()}`;
  const choices = Object.entries(words.groups).filter(([name]) => name !== "title" && (root === "/api/admin" || name !== "user"));
  return (
    <Panel
      title={title}
      flush
      actions={
        <>
          <Select aria-label={words.groups.title} value={group} options={choices.map(([value, label]) => ({ value, label }))} onChange={(value) => setQuery({ by: value })} />
          <CsvButton name={`usage-by-${group}`} columns={columns} rows={usage.groups ?? []} />
        </>
      }
    >
      <Table label={title} columns={view.columns} rows={usage.groups ?? []} rowKey={(row) => row.label} sorting={view.sorting} onSort={view.onSort} onOpen={(row) => navigate(`${root === "/api/admin" ? "/requests" : "/my-requests"}?${FILTER_OF[group]}=${encodeURIComponent(row.label)}`)} />
    </Panel>
  );
}

export function Errors({ usage, root }: { usage: Usage; root: Root }) {
  const words = text.overview;
  const errors = usage.errors ?? [];
  return (
    <Panel title={words.errors} flush>
      {errors.length === 0 ? <p class="muted pad">{words.noErrors}</p> : (
        <div class="table-box" tabIndex={0} role="region" aria-label={words.errors}>
          <table class="table">
            <thead><tr><th scope="col">{words.code}</th><th scope="col" class="numeric">{words.status}</th><th scope="col" class="numeric">{words.count}</th><th scope="col">{words.lastSeen}</th></tr></thead>
            <tbody>
              {errors.map((one) => (
                <tr key={`${one.code} ${one.status}`}>
                  <td><a href={href(`${root === "/api/admin" ? "/requests" : "/my-requests"}?error_code=${encodeURIComponent(one.code)}`)}><code>{one.code || one.status}</code></a></td>
                  <td class="numeric">{one.status}</td>
                  <td class="numeric">{short(one.requests)}</td>
                  <td><Time at={one.last_at} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
