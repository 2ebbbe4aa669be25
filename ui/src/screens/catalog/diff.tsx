/** What changed in the catalog between two versions. */
import { useMemo } from "preact/hooks";
import { type Change, type Diff, readDiff } from "../../api/catalog";
import { ApiError } from "../../api/errors";
import { exact } from "../../format/times";
import { Badge, type Tone } from "../../parts/badge";
import { Value } from "../../parts/changes";
import { SelectField } from "../../parts/field";
import { Panel } from "../../parts/page";
import { Await, Empty } from "../../parts/states";
import type { Column } from "../../parts/table/column";
import { Table } from "../../parts/table/table";
import { CsvButton, Tools, useView } from "../../parts/table/tools";
import { useResource } from "../../state/resource";
import { query, setQuery } from "../../state/router";
import { text } from "../../text";

const TONES: Record<string, Tone> = { new: "ok", gone: "bad", price: "accent" };

export function DiffView() {
  const words = text.catalog.diff;
  const from = query.value.get("from") ?? "";
  const to = query.value.get("to") ?? "";
  const diff = useResource(`${from} ${to}`, (signal) => readDiff(from, to, signal));
  if (diff.error instanceof ApiError && diff.error.status === 404) return <Panel><Empty icon="catalog" title={text.catalog.tabs.diff}>{words.noVersions}</Empty></Panel>;
  return <Await of={diff} rows={6}>{(found) => <Found diff={found} from={from} to={to} />}</Await>;
}

function columnsOf(): Column<Change>[] {
  const words = text.catalog.diff;
  return [
    { id: "kind", header: words.columns.kind, width: "140px", value: (row) => row.kind, cell: (row) => <Badge tone={TONES[row.kind] ?? "quiet"}>{words.kinds[row.kind] ?? row.kind}</Badge> },
    { id: "model", header: words.columns.model, value: (row) => row.model, cell: (row) => <span class="cell-main"><span>{row.model}</span></span> },
    { id: "field", header: words.columns.field, value: (row) => row.field, cell: (row) => row.field ?? "" },
    { id: "before", header: words.columns.before, value: (row) => JSON.stringify(row.before), cell: (row) => <Value value={row.before} /> },
    { id: "after", header: words.columns.after, value: (row) => JSON.stringify(row.after), cell: (row) => <Value value={row.after} /> },
  ];
}

function Found({ diff, from, to }: { diff: Diff; from: string; to: string }) {
  const words = text.catalog.diff;
  const columns = useMemo(columnsOf, []);
  const view = useView("diff", columns);
  const versions = diff.versions.map((at) => ({ value: new Date(at).toISOString(), label: exact(at / 1000) })).reverse();
  return (
    <>
      <Tools total={diff.total} unit={words.unit}>
        <SelectField label={words.from} value={from} options={[{ value: "", label: words.before }, ...versions]} onChange={(value) => setQuery({ from: value })} />
        <SelectField label={words.to} value={to} options={[{ value: "", label: words.now }, ...versions]} onChange={(value) => setQuery({ to: value })} />
        <CsvButton name="catalog-changes" columns={columns} rows={diff.changes} />
      </Tools>
      <Table label={text.catalog.tabs.diff} columns={view.columns} rows={diff.changes} rowKey={(row) => `${row.kind} ${row.model} ${row.field ?? ""}`} sorting={view.sorting} onSort={view.onSort} empty={<Panel><Empty title={words.none} /></Panel>} />
    </>
  );
}
