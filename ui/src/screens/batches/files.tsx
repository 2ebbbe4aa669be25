/** The files of batches, what they take, and deleting one. */
import { useMemo, useState } from "preact/hooks";
import { deleteFile, readFiles } from "../../api/batches";
import type { FileRow } from "../../api/types";
import { bytes } from "../../format/numbers";
import { Button } from "../../parts/button";
import { Confirm } from "../../parts/dialog";
import { Select } from "../../parts/field";
import { Await, Empty } from "../../parts/states";
import type { Column } from "../../parts/table/column";
import { Table } from "../../parts/table/table";
import { ColumnChooser, CsvButton, SearchBox, Skipper, Tools, useView } from "../../parts/table/tools";
import { Time } from "../../parts/time";
import { useEvery, useResource } from "../../state/resource";
import { query, setQuery, skippedRows } from "../../state/router";
import { complain, say } from "../../state/toasts";
import { text } from "../../text";
import { pace, PAGE_SIZE, Who } from "./progress";

export function Files() {
  const words = text.batches;
  const q = query.value.get("q");
  const purpose = query.value.get("purpose") ?? "";
  const offset = skippedRows();
  const page = useResource(JSON.stringify([q, purpose, offset]), (signal) => readFiles({ q, purpose, offset, limit: PAGE_SIZE }, signal));
  useEvery(pace(false), page.reload);
  const [goes, setGoes] = useState<FileRow | null>(null);
  const [busy, setBusy] = useState(false);
  const columns = useMemo(() => columnsOf(setGoes), []);
  const view = useView("files", columns);
  const remove = async (file: FileRow) => {
    setBusy(true);
    await deleteFile(file.id).then(() => say(text.remove.done(file.name)), complain);
    setBusy(false);
    setGoes(null);
    page.reload();
  };
  return (
    <Await of={page}>
      {({ data, total, total_bytes }) => (
        <>
          <Tools>
            <SearchBox label={words.searchFiles} />
            <Select aria-label={words.fileColumns.purpose} value={purpose} options={[{ value: "", label: words.anyPurpose }, ...Object.entries(words.purposes).map(([value, label]) => ({ value, label }))]} onChange={(value) => setQuery({ purpose: value, offset: null })} />
            <ColumnChooser view={view} />
            <CsvButton name="files" columns={columns} rows={data} />
            <span class="tally">{words.inAll(bytes(total_bytes))}</span>
            <Skipper offset={offset} size={PAGE_SIZE} shown={data.length} total={total} loading={page.loading} />
          </Tools>
          <Table label={words.tabs.files} columns={view.columns} rows={data} rowKey={(row) => row.id} sorting={view.sorting} onSort={view.onSort} fill empty={q || purpose || offset ? <Empty title={text.table.noMatch}>{text.table.noMatchNext}</Empty> : <Empty icon="batches" title={words.noFilesTitle}>{words.noFilesLead}</Empty>} />
          {goes && <Confirm title={words.deleteTitle(goes.name)} action={text.common.remove} busy={busy} onConfirm={() => void remove(goes)} onClose={() => setGoes(null)}><p>{words.deleteLead}</p></Confirm>}
        </>
      )}
    </Await>
  );
}

function columnsOf(onDelete: (file: FileRow) => void): Column<FileRow>[] {
  const words = text.batches.fileColumns;
  return [
    { id: "name", header: words.name, value: (row) => row.name, cell: (row) => <span class="cell-main"><span title={row.name}>{row.name}</span></span> },
    { id: "purpose", header: words.purpose, value: (row) => row.purpose, cell: (row) => text.batches.purposes[row.purpose] },
    { id: "who", header: words.who, value: (row) => `${row.key_name || row.key_id} ${row.username}`, cell: (row) => <Who of={row} /> },
    { id: "size", header: words.size, numeric: true, value: (row) => row.bytes, cell: (row) => bytes(row.bytes) },
    { id: "created", header: words.created, value: (row) => row.created_at, cell: (row) => <Time at={row.created_at} /> },
    { id: "expires", header: words.expires, value: (row) => row.expires_at, cell: (row) => <Time at={row.expires_at} /> },
    { id: "id", header: words.id, extra: true, value: (row) => row.id, cell: (row) => <code>{row.id}</code> },
    { id: "delete", header: "", width: "60px", cell: (row) => <Button size="small" kind="ghost" icon="trash" label={`${text.common.remove}: ${row.name}`} onClick={() => onDelete(row)} /> },
  ];
}
