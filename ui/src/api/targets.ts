/** Targets as routing sees them, and what people do to one. */
import { ask, params } from "./client";
import type { TargetNow } from "./types";

export type TargetAction = "drain" | "resume" | "reset";

export function readTargets(signal?: AbortSignal): Promise<{ data: TargetNow[] }> {
  return ask("/api/admin/targets", signal ? { signal } : {});
}

export function actOnTarget(action: TargetAction, provider: string, model: string): Promise<void> {
  return ask(`/api/admin/targets/${action}${params({ provider_id: provider, upstream_model: model })}`, { method: "POST" });
}
