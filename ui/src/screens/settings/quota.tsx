/** Quota and balance of the accounts at Chutes, with the same figures as a table. */
import { useMemo } from "preact/hooks";
import type { QuotaWindow } from "../../api/types";
import { percent } from "../../format/numbers";
import { LinkButton } from "../../parts/button";
import { Panel } from "../../parts/page";
import { Await, Empty } from "../../parts/states";
import type { Column } from "../../parts/table/column";
import { Table } from "../../parts/table/table";
import { CsvButton } from "../../parts/table/tools";
import { Time } from "../../parts/time";
import { text } from "../../text";
import { useOverview } from "../overview/now";
import { amount, Quota } from "../overview/quota";

export function QuotaTab() {
  const words = text.quota;
  const now = useOverview();
  return (
    <Await of={now}>
      {({ chutes }) => chutes === null
        ? <Panel><Empty icon="providers" title={words.none} action={<LinkButton to="/providers?open=new" kind="primary" icon="plus">{words.add}</LinkButton>}>{words.noneLead}</Empty></Panel>
        : <><Quota chutes={chutes} />{chutes.windows.length > 0 && <Caps windows={chutes.windows} />}</>}
    </Await>
  );
}

function Caps({ windows }: { windows: QuotaWindow[] }) {
  const words = text.quota;
  const columns = useMemo(columnsOf, []);
  return (
    <Panel title={words.table} flush actions={<CsvButton name="quota" columns={columns} rows={windows} />}>
      <Table label={words.table} columns={columns} rows={windows} rowKey={(row) => `${row.provider_id} ${row.name}`} sorting={null} onSort={() => undefined} />
    </Panel>
  );
}

function columnsOf(): Column<QuotaWindow>[] {
  const words = text.quota.columns;
  const moment = (seconds: number | null) => (seconds === null ? null : new Date(seconds * 1000).toISOString());
  return [
    { id: "name", header: words.name, value: (row) => row.name, cell: (row) => row.name },
    { id: "provider", header: words.provider, value: (row) => row.provider_id, cell: (row) => row.provider_id },
    { id: "used", header: words.used, numeric: true, value: (row) => row.used, cell: (row) => amount(row.used, row.unit) },
    { id: "cap", header: words.cap, numeric: true, value: (row) => row.cap, cell: (row) => amount(row.cap, row.unit) },
    { id: "unit", header: words.unit, value: (row) => row.unit, cell: (row) => row.unit },
    { id: "share", header: words.share, numeric: true, value: (row) => (row.cap ? row.used / row.cap : 1), cell: (row) => percent(row.cap ? row.used / row.cap : 1) },
    { id: "pace", header: words.pace, numeric: true, value: (row) => row.forecast.per_hour, cell: (row) => (row.forecast.per_hour === null ? "–" : amount(row.forecast.per_hour, row.unit)) },
    { id: "resets", header: words.resets, value: (row) => moment(row.resets_at), cell: (row) => (row.resets_at === null ? "–" : <Time at={row.resets_at} />) },
    { id: "runs_out", header: words.runsOut, value: (row) => moment(row.forecast.runs_out_at), cell: (row) => (row.forecast.runs_out_at === null ? "–" : <Time at={row.forecast.runs_out_at} />) },
  ];
}
