/** Requests: a live table, filters, and each request in full. */
import { useMemo, useRef, useState } from "preact/hooks";
import type { RequestRow } from "../../api/types";
import { params } from "../../api/client";
import { readRequests, type Root } from "../../api/usage";
import { count } from "../../format/numbers";
import { Button } from "../../parts/button";
import { Page } from "../../parts/page";
import { Await, Empty } from "../../parts/states";
import { Table } from "../../parts/table/table";
import { ColumnChooser, CsvButton, Skipper, Tools, useView } from "../../parts/table/tools";
import type { Sorting } from "../../parts/table/column";
import { useLive } from "../../state/live";
import { useResource } from "../../state/resource";
import { closeOver, openOver, query, skippedRows } from "../../state/router";
import { say } from "../../state/toasts";
import { text } from "../../text";
import { columnsOf } from "./columns";
import { Detail } from "./detail";
import { type Flow, useFlow, useJoined, useReadAgain } from "./flow";
import { Filters, isPlain, PAGE_SIZE, readFilter } from "./filters";

/** Columns that the server can sort by. */
const SORTABLE = ["at", "status", "latency_ms", "ttft_ms", "overhead_ms", "input_tokens", "output_tokens", "cost_nanos", "model"];

export default function Requests() {
  return <RequestsOf root="/api/admin" />;
}

export function RequestsOf({ root }: { root: Root }) {
  const words = text.requests;
  const asked = query.value;
  const offset = skippedRows();
  const sort = asked.get("sort") ?? "-at";
  const key = JSON.stringify([root, [...asked].filter(([name]) => name !== "open")]);
  const askedAt = useRef(0);
  const page = useResource(key, (signal) => {
    askedAt.current = Date.now();
    return readRequests(root, { ...readFilter(), sort: sort.replace(/^-/, ""), ascending: !sort.startsWith("-"), limit: PAGE_SIZE, offset }, signal);
  });
  const flow = useFlow(page.data?.data, askedAt);
  useReadAgain(page.reload);
  return (
    <Page title={root === "/api/user" ? text.shell.screens.myRequests : words.title} lead={words.lead} fill actions={<Button icon="download" onClick={() => window.location.assign(`${root}/usage/export${params(readFilter())}`)}>{words.export}</Button>}>
      <Await of={page}>
        {(found) => <Live rows={found.data} total={found.total} flow={flow} offset={offset} sort={sort} reload={page.reload} loading={page.loading} root={root} />}
      </Await>
    </Page>
  );
}

interface LiveProps {
  rows: RequestRow[];
  total: number;
  flow: Flow;
  offset: number;
  sort: string;
  loading: boolean;
  reload: () => void;
  root: Root;
}

function Live({ rows, total, flow, offset, sort, loading, reload, root }: LiveProps) {
  const words = text.requests;
  const [paused, setPaused] = useState(false);
  const follows = offset === 0 && sort === "-at" && isPlain() && !paused;
  useLive("missed", (n) => say(words.missed(n)));
  const shown = useJoined(rows, flow, follows);
  const ended = shown.filter((row) => row.begun === undefined).length;
  const open = query.value.get("open");
  const columns = useMemo(columnsOf, []);
  const view = useView("requests", columns, "-at");
  const onSort = (sorting: Sorting | null) => {
    if (!sorting || SORTABLE.includes(sorting.id)) view.onSort(sorting);
  };
  const waiting = (follows ? 0 : flow.arrived.length) + flow.leftOut;
  return (
    <>
      <Tools>
        <Filters />
        <span class="grow" />
        {flow.runningTotal > 0 && <span class="tally running">{words.runningNow(count(flow.runningTotal))}</span>}
        {waiting > 0 && <Button icon="refresh" onClick={reload}>{words.newOnes(waiting)}</Button>}
        <Button icon={paused ? "play" : "stop"} pressed={paused} label={paused ? words.resume : words.pause} onClick={() => setPaused(!paused)} />
        <ColumnChooser view={view} />
        <CsvButton name="requests" columns={columns} rows={shown} />
        <Skipper offset={offset} size={PAGE_SIZE} shown={ended} total={total + ended - rows.length} loading={loading} />
      </Tools>
      <Table
        label={words.title}
        columns={view.columns}
        rows={shown}
        rowKey={(row) => row.request_id}
        sorting={view.sorting}
        onSort={onSort}
        onOpen={(row) => openOver({ open: row.request_id })}
        openKey={open}
        rowTone={(row) => (row.begun === undefined ? "" : "runs")}
        fill
        empty={isPlain() ? <Empty icon="requests" title={words.emptyTitle}>{words.emptyLead}</Empty> : <Empty title={text.table.noMatch}>{text.table.noMatchNext}</Empty>}
      />
      {open && <Detail key={open} id={open} root={root} running={flow.running.find((row) => row.request_id === open)} onClose={() => closeOver("open")} />}
    </>
  );
}
