/** Usage, requests and audit. */
import { ask, params } from "./client";
import type { AuditRow, Page, RequestDetail, RequestRow, Usage } from "./types";

export type Filter = Record<string, string | number | boolean | null | undefined>;

/** `/api/admin` for everything, `/api/user` for one's own. */
export type Root = "/api/admin" | "/api/user";

export function readUsage(root: Root, filter: Filter, signal?: AbortSignal): Promise<Usage> {
  return ask(`${root}/usage${params(filter)}`, signal ? { signal } : {});
}

export function readRequests(root: Root, filter: Filter, signal?: AbortSignal): Promise<Page<RequestRow>> {
  return ask(`${root}/requests${params(filter)}`, signal ? { signal } : {});
}

export function readRequest(root: Root, id: string, signal?: AbortSignal): Promise<RequestDetail> {
  return ask(`${root}/requests/${encodeURIComponent(id)}`, signal ? { signal } : {});
}

export function readAudit(filter: Filter, signal?: AbortSignal): Promise<Page<AuditRow>> {
  return ask(`/api/admin/audit${params(filter)}`, signal ? { signal } : {});
}
