/** The list of batches; those that run go on while one looks. */
import { useMemo } from "preact/hooks";
import { readBatches } from "../../api/batches";
import type { BatchRow } from "../../api/types";
import { bytes } from "../../format/numbers";
import { Code } from "../../parts/code";
import { Select } from "../../parts/field";
import { Await, Empty } from "../../parts/states";
import type { Column } from "../../parts/table/column";
import { Table } from "../../parts/table/table";
import { ColumnChooser, CsvButton, SearchBox, Skipper, Tools, useView } from "../../parts/table/tools";
import { Time } from "../../parts/time";
import { useEvery, useResource } from "../../state/resource";
import { closeOver, openOver, query, setQuery, skippedRows } from "../../state/router";
import { text } from "../../text";
import { Detail } from "./detail";
import { OPEN, pace, PAGE_SIZE, Progress, StatusOf, Who } from "./progress";

export function List() {
  const words = text.batches;
  const q = query.value.get("q");
  const status = query.value.get("status") ?? "";
  const offset = skippedRows();
  const page = useResource(JSON.stringify([q, status, offset]), (signal) => readBatches({ q, status: status === "open" ? OPEN.join() : status, offset, limit: PAGE_SIZE }, signal));
  useEvery(pace(page.data?.data.some((row) => OPEN.includes(row.status)) ?? false), page.reload);
  const columns = useMemo(columnsOf, []);
  const view = useView("batches", columns);
  const open = query.value.get("open");
  return (
    <Await of={page}>
      {({ data, total }) => (
        <>
          <Tools>
            <SearchBox label={words.search} />
            <Select aria-label={words.status} value={status} options={Object.entries(words.filters).map(([value, label]) => ({ value, label }))} onChange={(value) => setQuery({ status: value, offset: null })} />
            <span class="grow" />
            <ColumnChooser view={view} />
            <CsvButton name="batches" columns={columns} rows={data} />
            <Skipper offset={offset} size={PAGE_SIZE} shown={data.length} total={total} loading={page.loading} />
          </Tools>
          <Table label={words.title} columns={view.columns} rows={data} rowKey={(row) => row.id} sorting={view.sorting} onSort={view.onSort} onOpen={(row) => openOver({ open: row.id })} openKey={open} fill empty={q || status || offset ? <Empty title={text.table.noMatch}>{text.table.noMatchNext}</Empty> : <None />} />
          {open && <Detail key={open} id={open} onChange={page.reload} onClose={() => closeOver("open")} />}
        </>
      )}
    </Await>
  );
}

function columnsOf(): Column<BatchRow>[] {
  const words = text.batches.columns;
  return [
    { id: "created", header: words.created, width: "90px", value: (row) => row.created_at, cell: (row) => <Time at={row.created_at} /> },
    { id: "status", header: words.status, value: (row) => row.status, cell: (row) => <StatusOf row={row} /> },
    { id: "progress", header: words.progress, value: (row) => row.request_counts.completed + row.request_counts.failed, cell: (row) => <Progress row={row} /> },
    { id: "who", header: words.who, value: (row) => `${row.key_name || row.key_id} ${row.username}`, cell: (row) => <Who of={row} /> },
    { id: "models", header: words.models, rest: true, value: (row) => row.models.join(" "), cell: (row) => <span title={row.models.join("\n")}>{row.models.join(", ") || "–"}</span> },
    { id: "endpoint", header: words.endpoint, value: (row) => row.endpoint, cell: (row) => <span class="muted">{row.endpoint}</span> },
    { id: "size", header: words.size, numeric: true, value: (row) => row.input_bytes, cell: (row) => bytes(row.input_bytes) },
    { id: "finished", header: words.finished, value: (row) => row.finished_at, cell: (row) => <Time at={row.finished_at} /> },
    { id: "expires", header: words.expires, extra: true, value: (row) => row.expires_at, cell: (row) => <Time at={row.expires_at} /> },
    { id: "id", header: words.id, extra: true, value: (row) => row.id, cell: (row) => <code>{row.id}</code> },
  ];
}

function None() {
  const { origin } = window.location;
  const key = '-H "Authorization: Bearer $GATEWAY_KEY"';
  const lines = [
    `echo '{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions",' \\`,
    `  '"body": {"model": "MODEL", "messages": [{"role": "user", "content": "Hello"}]}}' > asks.jsonl`,
    `FILE=$(curl -s ${origin}/v1/files ${key} \\`,
    "  -F purpose=batch -F file=@asks.jsonl | grep -o 'file-[0-9a-f]*')",
    `curl ${origin}/v1/batches ${key} -H 'Content-Type: application/json' \\`,
    `  -d '{"input_file_id": "'$FILE'", "endpoint": "/v1/chat/completions", "completion_window": "24h"}'`,
  ];
  return <Empty icon="batches" title={text.batches.emptyTitle} action={<Code label="curl">{lines.join("\n")}</Code>}>{text.batches.emptyLead}</Empty>;
}
