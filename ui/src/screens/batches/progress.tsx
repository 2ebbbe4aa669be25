/** How a batch stands: its status as a word, its progress as a bar, whose it is. */
import type { BatchRow } from "../../api/types";
import { count } from "../../format/numbers";
import { Meter, Status, type Tone } from "../../parts/badge";
import { text } from "../../text";

const TONES: Record<BatchRow["status"], Tone> = { validating: "accent", in_progress: "accent", finalizing: "accent", completed: "ok", failed: "bad", expired: "warn", cancelling: "warn", cancelled: "quiet" };
/** States before the end. */
export const OPEN: string[] = ["validating", "in_progress", "finalizing", "cancelling"];
export const PAGE_SIZE = 100;

/** Milliseconds between two looks, while something runs and while nothing does. */
export function pace(runs: boolean): number {
  return runs ? 2000 : 15_000;
}

export function StatusOf({ row }: { row: BatchRow }) {
  return <Status tone={TONES[row.status]}><span class={row.status === "in_progress" ? "running" : ""}>{text.batches.statuses[row.status]}</span></Status>;
}

export function Progress({ row }: { row: BatchRow }) {
  const words = text.batches;
  const { total, completed, failed } = row.request_counts;
  if (total === 0) return <span class="faint">–</span>;
  return (
    <span class="budget">
      <Meter value={(completed + failed) / total} label={words.columns.progress} tone={failed > 0 ? "warn" : row.status === "completed" ? "ok" : "accent"} />
      <small>{words.done(count(completed + failed), count(total))}{failed > 0 && <span class="bad-text"> · {words.failed(count(failed))}</span>}</small>
    </span>
  );
}

export function Who({ of }: { of: { key_id: string; key_name: string; username: string } }) {
  return <>{of.key_name || <code>{of.key_id}</code>} <span class="muted">{of.username}</span></>;
}
