/** Why a request would go where, without asking anybody. */
import { ask } from "./client";

export interface Candidate {
  provider: string;
  model: string;
  priority: number;
  weight: number;
  price: number | null;
  rank: number | null;
  state: string;
  reason: string;
  ready_in: number | null;
  in_flight: number;
  calls: number;
  failures: number;
  latency: number | null;
  speed: number | null;
  last_error: string;
}

export interface Explanation {
  model: string;
  route: string;
  type: string | null;
  policy: string;
  stream_policy: string;
  context_fallback: string | null;
  candidates: Candidate[];
}

export function explain(body: Record<string, unknown>, key: string, signal?: AbortSignal): Promise<Explanation> {
  return ask("/v1/route/explain", { method: "POST", body, key, ...(signal ? { signal } : {}) });
}
