/** Providers and models as YAML, read by the server, which knows every rule. */
import { ask } from "./client";
import type { components } from "./schema";

export type ReadEntry = components["schemas"]["ReadEntry"];
export type Problem = components["schemas"]["ProblemView"];

export function readYaml(resource: "models" | "providers", yaml: string, id: string, signal?: AbortSignal): Promise<ReadEntry> {
  return ask(`/api/admin/${resource}/yaml`, { method: "POST", body: { yaml, id }, ...(signal ? { signal } : {}) });
}
