/** Providers: the upstreams. */
import { ask } from "./client";
import { ApiError } from "./errors";
import type { Provider } from "./types";

export type ProviderInput = Partial<Omit<Provider, "version" | "origin" | "created_at" | "updated_at" | "status" | "used_by">>;

export interface TestResult {
  ok: boolean;
  message: string;
  ms: number | null;
  models: number | null;
}

export async function addProvider(body: ProviderInput): Promise<void> {
  try {
    await ask("/api/admin/providers", { method: "POST", body });
  } catch (error) {
    // The file or the environment already names it: then this is a change.
    if (!(error instanceof ApiError && error.status === 409)) throw error;
    await ask(`/api/admin/providers/${encodeURIComponent(body.id ?? "")}`, { method: "PUT", body });
  }
}

export function testProvider(id: string): Promise<TestResult> {
  return ask(`/api/admin/providers/${encodeURIComponent(id)}/test`, { method: "POST" });
}
