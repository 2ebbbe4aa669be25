/** What recorded traffic would cost otherwise. Nothing is sent to any provider. */
import { ask, params } from "./client";
import type { BreakEven, ModelInput, PolicyWhatIf, WhatIf } from "./types";
import type { Filter } from "./usage";

const ROOT = "/api/admin/analytics";

export function readBreakEven(filter: Filter, signal?: AbortSignal): Promise<BreakEven> {
  return ask(`${ROOT}/breakeven${params(filter)}`, signal ? { signal } : {});
}

export type Prices = Record<string, { input: number; output: number }>;

/** A model as it would be saved. */
export function readWhatIf(filter: Filter, model: ModelInput, prices: Prices, signal?: AbortSignal): Promise<WhatIf> {
  return ask(`${ROOT}/whatif${params(filter)}`, { method: "POST", body: { model, prices }, ...(signal ? { signal } : {}) });
}

/** All models with their targets, under one policy. */
export function readPolicy(filter: Filter, signal?: AbortSignal): Promise<PolicyWhatIf> {
  return ask(`${ROOT}/policy${params(filter)}`, signal ? { signal } : {});
}
