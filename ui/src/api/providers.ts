/** What providers can do besides being edited. */
import { ask } from "./client";
import { providers } from "./collection";
import { ApiError } from "./errors";
import type { components } from "./schema";
import type { ProviderInput, TestResult } from "./types";

/** Adds a provider; one that the file or the environment already names is changed. */
export async function putProvider(id: string, body: ProviderInput): Promise<void> {
  try {
    await providers.create({ ...body, id });
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 409)) throw error;
    await ask(`/api/admin/providers/${encodeURIComponent(id)}`, { method: "PUT", body });
  }
}

export function testProvider(id: string): Promise<TestResult> {
  return ask(`/api/admin/providers/${encodeURIComponent(id)}/test`, { method: "POST" });
}

export type ProviderHealth = components["schemas"]["ProviderHealth"];

export function readHealth(id: string, minutes: number, signal?: AbortSignal): Promise<ProviderHealth> {
  return ask(`/api/admin/providers/${encodeURIComponent(id)}/health?minutes=${minutes}`, signal ? { signal } : {});
}
