/** Batches and their files, of everybody. */
import { ask, params } from "./client";
import type { BatchDetail, BatchRow, FilePage, Page } from "./types";
import type { Filter } from "./usage";

const one = (kind: "batches" | "files", id: string) => `/api/admin/${kind}/${encodeURIComponent(id)}`;

export function readBatches(filter: Filter, signal: AbortSignal): Promise<Page<BatchRow>> {
  return ask(`/api/admin/batches${params(filter)}`, { signal });
}

export function readBatch(id: string, signal: AbortSignal): Promise<BatchDetail> {
  return ask(one("batches", id), { signal });
}

export function cancelBatch(id: string): Promise<BatchDetail> {
  return ask(`${one("batches", id)}/cancel`, { method: "POST" });
}

export function readFiles(filter: Filter, signal: AbortSignal): Promise<FilePage> {
  return ask(`/api/admin/files${params(filter)}`, { signal });
}

export function deleteFile(id: string): Promise<void> {
  return ask(one("files", id), { method: "DELETE" });
}
