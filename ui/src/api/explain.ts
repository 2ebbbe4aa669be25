/** Why a request would go where, without asking anybody. */
import { ask, params } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Explanation = Schemas["ExplanationView"];
export type Candidate = Schemas["Candidate"];

/** As the key in the tab. */
export function explain(body: Record<string, unknown>, key: string, signal?: AbortSignal): Promise<Explanation> {
  return ask("/v1/route/explain", { method: "POST", body, key, ...(signal ? { signal } : {}) });
}

/** For administrators: as the master key, or as any other. What the request would be refused with stands in the answer. */
export function dryRun(body: Record<string, unknown>, keyId: string, signal?: AbortSignal): Promise<Explanation> {
  return ask(`/api/admin/route/explain${params({ key_id: keyId })}`, { method: "POST", body, ...(signal ? { signal } : {}) });
}
