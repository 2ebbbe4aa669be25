/** The columns of the table of requests. */
import type { RequestRow } from "../../api/types";
import { count, dollars, duration } from "../../format/numbers";
import { exact, moment } from "../../format/times";
import { Badge, Status, type Tone } from "../../parts/badge";
import type { Column } from "../../parts/table/column";
import { useNow } from "../../state/ticking";
import { text } from "../../text";

/** `begun`, by this browser's clock, is there while the request runs. */
export type LiveRow = RequestRow & { begun?: number };

export function requestTone(row: RequestRow): Tone {
  if (row.status === 499) return "quiet";
  if (row.status >= 500 || (row.status > 0 && row.status < 400 && row.error_code)) return "bad";
  return row.status >= 400 ? "warn" : row.status === 0 ? "accent" : "ok";
}

/** Counts on while one looks. */
export function Elapsed({ begun }: { begun: number }) {
  return <span class="elapsed">{duration(Math.max(0, useNow() - begun))}</span>;
}

export function StatusOf({ row }: { row: RequestRow }) {
  if (row.status === 0) return <Status tone="accent"><span class="running">{text.requests.runs}</span></Status>;
  return (
    <Status tone={requestTone(row)} title={row.error_code}>
      {row.status === 499 ? text.requests.left : row.status}
      {row.error_code && row.status !== 499 && <small>{row.error_code}</small>}
    </Status>
  );
}

export function columnsOf(): Column<LiveRow>[] {
  const words = text.requests.columns;
  return [
    { id: "at", header: words.at, width: "104px", value: (row) => row.at, cell: (row) => <time dateTime={row.at} title={exact(row.at)}>{moment(row.at)}</time> },
    { id: "model", header: words.model, value: (row) => row.model, cell: (row) => <span class="cell-main"><span title={row.model}>{row.model}</span></span> },
    { id: "status", header: words.status, value: (row) => row.status, cell: (row) => <StatusOf row={row} /> },
    { id: "provider", header: words.provider, value: (row) => row.provider_id, cell: (row) => row.cached ? <Badge tone="accent">{text.requests.cachedAnswer}</Badge> : <span class="muted">{row.provider_id || "–"}</span> },
    { id: "attempts", header: words.attempts, numeric: true, value: (row) => row.attempts.length, cell: (row) => (row.attempts.length > 1 ? <Badge tone="warn">{row.attempts.length}</Badge> : row.attempts.length) },
    { id: "latency_ms", header: words.latency, numeric: true, width: "96px", value: (row) => row.latency_ms, cell: (row) => (row.begun === undefined ? duration(row.latency_ms) : <Elapsed begun={row.begun} />) },
    { id: "ttft_ms", header: words.ttft, numeric: true, value: (row) => row.ttft_ms, cell: (row) => duration(row.ttft_ms) },
    { id: "overhead_ms", header: words.overhead, numeric: true, extra: true, value: (row) => row.overhead_ms, cell: (row) => duration(row.overhead_ms) },
    { id: "input_tokens", header: words.input, numeric: true, value: (row) => row.input_tokens, cell: (row) => count(row.input_tokens) },
    { id: "output_tokens", header: words.output, numeric: true, value: (row) => row.output_tokens, cell: (row) => count(row.output_tokens) },
    { id: "cached_tokens", header: words.cached, numeric: true, extra: true, value: (row) => row.cached_tokens, cell: (row) => count(row.cached_tokens) },
    { id: "cost_nanos", header: words.cost, numeric: true, value: (row) => row.cost_usd, cell: (row) => dollars(row.cost_usd) },
    { id: "key", header: words.key, value: (row) => row.key_name, cell: (row) => <span class="muted">{row.key_name}</span> },
    { id: "operation", header: words.operation, extra: true, value: (row) => row.operation, cell: (row) => row.operation },
    { id: "stream", header: words.stream, extra: true, value: (row) => row.stream, cell: (row) => (row.stream ? text.common.yes : text.common.no) },
    { id: "id", header: words.id, extra: true, value: (row) => row.request_id, cell: (row) => <code>{row.request_id}</code> },
  ];
}
