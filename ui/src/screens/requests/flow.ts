/** Requests as they run and end, joined with the page of the list that was read. */
import type { RefObject } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { RequestRow } from "../../api/types";
import { type Requests, useLive } from "../../state/live";
import type { LiveRow } from "./columns";

const MAX_LIVE = 1000;
/** Milliseconds in which a request that has ended comes to be among those that are read. */
const WRITTEN_WITHIN = 1_500;
/** When each row was told. */
const heard = new WeakMap<RequestRow, number>();

export interface Flow {
  arrived: RequestRow[];
  running: LiveRow[];
  runningTotal: number;
  /** Requests that ended too fast to be told one by one. */
  leftOut: number;
}

const NOTHING: Flow = { arrived: [], running: [], runningTotal: 0, leftOut: 0 };

/** Begins anew with each page of rows that is read, but for what ended too lately to be on it: it listens before the first
 * page is there. `askedAt` says when the last one was asked for. */
export function useFlow(rows: RequestRow[] | undefined, askedAt: RefObject<number>): Flow {
  const [flow, setFlow] = useState<Flow>(NOTHING);
  useEffect(() => {
    if (rows) setFlow((old) => ({ ...old, arrived: unread(old.arrived, rows, askedAt.current ?? 0), leftOut: 0 }));
  }, [rows]);
  useLive("requests", (told) => setFlow((old) => next(old, told)));
  useLive("hello", () => setFlow((old) => ({ ...old, running: [], runningTotal: 0 })));
  return flow;
}

/** Reads once more behind a new connection: what ended before it was told to nobody. */
export function useReadAgain(read: () => void): void {
  const [greeted, setGreeted] = useState(0);
  useLive("hello", () => setGreeted((n) => n + 1));
  useEffect(() => {
    if (!greeted) return;
    const timer = window.setTimeout(read, WRITTEN_WITHIN);
    return () => clearTimeout(timer);
  }, [greeted]);
}

function unread(arrived: RequestRow[], rows: RequestRow[], askedAt: number): RequestRow[] {
  const read = new Set(rows.map((row) => row.request_id));
  return arrived.filter((row) => !read.has(row.request_id) && askedAt - (heard.get(row) ?? 0) < WRITTEN_WITHIN);
}

function next(old: Flow, told: Requests): Flow {
  for (const row of told.ended) heard.set(row, Date.now());
  const before = new Map(old.running.map((row) => [row.request_id, row]));
  return {
    arrived: told.ended.length ? [...told.ended.slice().reverse(), ...old.arrived].slice(0, MAX_LIVE) : old.arrived,
    running: told.running.map((row) => kept(before.get(row.request_id), row)),
    runningTotal: told.running_total,
    leftOut: old.leftOut + told.left_out,
  };
}

/** The same object while nothing but time has passed, so that its row is not drawn anew. */
function kept(before: LiveRow | undefined, row: RequestRow): LiveRow {
  if (before && before.attempts.length === row.attempts.length && before.provider_id === row.provider_id) return before;
  return { ...row, begun: before?.begun ?? Date.now() - row.latency_ms };
}

/** Each request once: as it ended, else as it was read, else as it runs. */
export function useJoined(rows: RequestRow[], flow: Flow, follows: boolean): LiveRow[] {
  const { arrived, running } = flow;
  return useMemo(() => {
    if (!follows) return rows;
    const ended = new Set(arrived.map((row) => row.request_id));
    const read = rows.filter((row) => !ended.has(row.request_id));
    for (const row of read) ended.add(row.request_id);
    return [...running.filter((row) => !ended.has(row.request_id)), ...arrived, ...read];
  }, [rows, arrived, running, follows]);
}
