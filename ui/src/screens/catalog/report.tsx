/** How the rows of every source were merged. */
import { useMemo } from "preact/hooks";
import { readReport, type Report, type SourceReport } from "../../api/catalog";
import { count } from "../../format/numbers";
import { Badge, Status } from "../../parts/badge";
import { Panel } from "../../parts/page";
import { Await } from "../../parts/states";
import type { Column } from "../../parts/table/column";
import { Table } from "../../parts/table/table";
import { CsvButton, useView } from "../../parts/table/tools";
import { Time } from "../../parts/time";
import { useResource } from "../../state/resource";
import { text } from "../../text";

export function ReportView() {
  const words = text.catalog.report;
  const report = useResource("report", readReport);
  const columns = useMemo(columnsOf, []);
  const view = useView("report", columns);
  return (
    <Await of={report} rows={6}>
      {({ sources, ...found }) => (
        <div class="stack">
          <Panel title={words.sources} flush actions={<CsvButton name="sources" columns={columns} rows={sources} />}>
            <Table label={words.sources} columns={view.columns} rows={sources} rowKey={(row) => row.source} sorting={view.sorting} onSort={view.onSort} />
          </Panel>
          <Problems rows={problemsOf(found)} />
        </div>
      )}
    </Await>
  );
}

function columnsOf(): Column<SourceReport>[] {
  const words = text.catalog.report;
  const figure = (id: "rows" | "unique" | "unmatched" | "ambiguous" | "rejected"): Column<SourceReport> => ({ id, header: words.columns[id], numeric: true, value: (row) => row[id], cell: (row) => count(row[id]) });
  return [
    { id: "source", header: words.columns.source, value: (row) => row.source, cell: (row) => <span class="cell-main"><span>{row.source}</span></span> },
    figure("rows"),
    figure("unique"),
    figure("unmatched"),
    figure("ambiguous"),
    figure("rejected"),
    { id: "at", header: words.columns.at, value: (row) => row.at, cell: (row) => (row.at ? <Time at={row.at / 1000} /> : text.common.never) },
    { id: "state", header: words.columns.state, value: (row) => row.stale, cell: (row) => <Status tone={row.stale ? "warn" : "ok"} title={row.stale}>{row.stale || words.fresh}</Status> },
  ];
}

interface Problem {
  kind: "conflict" | "ambiguous" | "unmatched" | "rejected";
  source: string;
  row: string;
  detail: string;
}

function problemsOf(report: Omit<Report, "sources">): Problem[] {
  return [
    ...report.conflicts.map((one): Problem => ({ kind: "conflict", source: one.chosen, row: one.model, detail: `${one.field}: ${Object.entries(one.values).map(([source, value]) => `${source} ${JSON.stringify(value)}`).join(", ")}` })),
    ...report.ambiguous.map((one): Problem => ({ kind: "ambiguous", source: one.source, row: one.row, detail: one.candidates.join(", ") })),
    ...report.unmatched.map((one): Problem => ({ kind: "unmatched", source: one.source, row: one.row, detail: "" })),
    ...report.rejected.map((one): Problem => ({ kind: "rejected", source: one.source, row: one.row, detail: one.reason })),
  ];
}

function Problems({ rows }: { rows: Problem[] }) {
  const words = text.catalog.report;
  const columns = useMemo((): Column<Problem>[] => [
    { id: "kind", header: words.problem.kind, width: "130px", value: (row) => row.kind, cell: (row) => <Badge tone={row.kind === "rejected" ? "bad" : "warn"}>{words.problem.kinds[row.kind]}</Badge> },
    { id: "source", header: words.columns.source, value: (row) => row.source, cell: (row) => row.source },
    { id: "row", header: words.problem.row, value: (row) => row.row, cell: (row) => <code>{row.row}</code> },
    { id: "detail", header: words.problem.detail, value: (row) => row.detail, cell: (row) => <span class="muted" title={row.detail}>{row.detail}</span> },
  ], []);
  const view = useView("problems", columns);
  return (
    <Panel title={words.details} flush actions={<CsvButton name="merge-problems" columns={columns} rows={rows} />}>
      {rows.length === 0 ? <p class="muted pad">{words.problem.none}</p> : <Table label={words.details} columns={view.columns} rows={rows} rowKey={(row) => `${row.kind} ${row.source} ${row.row} ${row.detail}`} sorting={view.sorting} onSort={view.onSort} />}
    </Panel>
  );
}
