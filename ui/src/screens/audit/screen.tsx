/** The audit log. */
import { useMemo } from "preact/hooks";
import type { AuditRow } from "../../api/types";
import { readAudit } from "../../api/usage";
import { count } from "../../format/numbers";
import { exact } from "../../format/times";
import { Badge, type Tone } from "../../parts/badge";
import { Button } from "../../parts/button";
import { Changes } from "../../parts/changes";
import { Dialog } from "../../parts/dialog";
import { Select } from "../../parts/field";
import { Page } from "../../parts/page";
import { Await, Empty } from "../../parts/states";
import type { Column } from "../../parts/table/column";
import { Table } from "../../parts/table/table";
import { ColumnChooser, CsvButton, SearchBox, Tools, useView } from "../../parts/table/tools";
import { Time } from "../../parts/time";
import { useResource } from "../../state/resource";
import { closeOver, openOver, query, setQuery, skippedRows } from "../../state/router";
import { text } from "../../text";

const PAGE_SIZE = 200;
const TONES: Record<string, Tone> = { create: "ok", delete: "bad", login: "quiet", update: "accent" };
const RESOURCES = ["providers", "models", "apikeys", "users", "settings", "batches", "files", "engines", "backup"];

export default function Audit() {
  const words = text.audit;
  const resource = query.value.get("resource") ?? "";
  const q = query.value.get("q") ?? "";
  const offset = skippedRows();
  const page = useResource(JSON.stringify([resource, q, offset]), (signal) => readAudit({ resource, q, offset, limit: PAGE_SIZE }, signal));
  return (
    <Page title={words.title} lead={words.lead} fill>
      <Await of={page}>{(found) => <List rows={found.data} total={found.total} offset={offset} resource={resource} />}</Await>
    </Page>
  );
}

function keyOf(row: AuditRow): string {
  return `${row.at} ${row.action} ${row.resource} ${row.resource_id}`;
}

function columnsOf(): Column<AuditRow>[] {
  const words = text.audit.columns;
  return [
    { id: "at", header: words.at, width: "100px", value: (row) => row.at, cell: (row) => <Time at={row.at} /> },
    { id: "actor", header: words.actor, value: (row) => row.actor, cell: (row) => <span class="cell-main brief"><span title={row.actor}>{row.actor}</span></span> },
    { id: "action", header: words.action, value: (row) => row.action, cell: (row) => <Badge tone={TONES[row.action] ?? "quiet"}>{row.action}</Badge> },
    { id: "resource", header: words.resource, value: (row) => row.resource, cell: (row) => row.resource },
    { id: "id", header: words.id, value: (row) => row.resource_id, cell: (row) => <code class="cell-main brief"><span title={row.resource_id}>{row.resource_id}</span></code> },
    { id: "name", header: words.name, value: (row) => row.name, cell: (row) => <span class="cell-main brief"><span title={row.name}>{row.name}</span></span> },
    { id: "changes", header: words.changes, rest: true, value: (row) => Object.keys(row.changes).join(" "), cell: (row) => <span class="muted" title={Object.keys(row.changes).join(", ")}>{Object.keys(row.changes).join(", ")}</span> },
    { id: "address", header: words.address, value: (row) => row.address, cell: (row) => <span class="muted">{row.address}</span> },
  ];
}

function List({ rows, total, offset, resource }: { rows: AuditRow[]; total: number; offset: number; resource: string }) {
  const words = text.audit;
  const columns = useMemo(columnsOf, []);
  const view = useView("audit", columns);
  const filtered = resource !== "" || offset > 0 || query.value.has("q");
  const open = rows.find((row) => keyOf(row) === query.value.get("open"));
  return (
    <>
      <Tools>
        <SearchBox label={text.table.search} />
        <Select aria-label={words.resource} value={resource} options={[{ value: "", label: words.anyResource }, ...RESOURCES.map((value) => ({ value, label: value }))]} onChange={(value) => setQuery({ resource: value, offset: null })} />
        <ColumnChooser view={view} />
        <CsvButton name="audit" columns={columns} rows={rows} />
        <span class="grow" />
        <span class="pager">
          <span class="tally">{count(total)} {words.unit(total)}</span>
          <Button icon="left" label={text.requests.newer} disabled={offset === 0} onClick={() => setQuery({ offset: offset > PAGE_SIZE ? String(offset - PAGE_SIZE) : null })} />
          <Button icon="right" label={text.requests.older} disabled={offset + rows.length >= total} onClick={() => setQuery({ offset: String(offset + PAGE_SIZE) })} />
        </span>
      </Tools>
      <Table label={words.title} columns={view.columns} rows={rows} rowKey={keyOf} sorting={view.sorting} onSort={view.onSort} onOpen={(row) => openOver({ open: keyOf(row) })} fill empty={filtered ? <Empty icon="search" title={words.noneTitle}>{words.noneLead}</Empty> : <Empty icon="audit" title={words.emptyTitle}>{words.emptyLead}</Empty>} />
      {open && (
        <Dialog title={`${open.action} ${open.resource}/${open.resource_id}${open.name ? ` (${open.name})` : ""}`} width="wide" named onClose={() => closeOver("open")}>
          <p class="muted">{open.actor} · {exact(open.at)} · {open.address}</p>
          <Changes changes={open.changes} />
        </Dialog>
      )}
    </>
  );
}
