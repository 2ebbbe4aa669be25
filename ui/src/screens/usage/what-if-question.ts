/** The question of a what-if, as it stands in the address. Pure. */
import type { Prices } from "../../api/analytics";
import type { ModelEntry, ModelInput } from "../../api/types";
import { draftOf, inputOf, newTarget, type TargetDraft } from "../models/draft";

export interface ChangedTarget extends TargetDraft {
  /** USD per 1 M tokens; "" as it is known. */
  input: string;
  output: string;
}

type Written = [place: string, model: string, priority: string, weight: string, input?: string, output?: string];

export function targetsOf(entry: ModelEntry, written: string | null): ChangedTarget[] {
  const own = draftOf(entry).targets.map((target) => ({ ...target, input: "", output: "" }));
  if (!written) return own;
  try {
    return (JSON.parse(written) as Written[]).map(([place, model, priority, weight, input = "", output = ""]) => ({
      ...(own.find((target) => target.place === place && target.model === model) ?? newTarget(0)),
      place, model, priority, weight, input, output,
    }));
  } catch {
    return own;
  }
}

export function write(targets: ChangedTarget[]): string {
  return JSON.stringify(targets.map((one): Written => [one.place, one.model, one.priority, one.weight, one.input, one.output]));
}

export function changedModel(entry: ModelEntry, policy: string, targets: ChangedTarget[]): ModelInput {
  const draft = draftOf(entry);
  return { ...inputOf({ ...draft, targets, policy: policy || draft.policy, enabled: true }), id: entry.id };
}

export function pricesOf(targets: ChangedTarget[]): Prices {
  const priced = targets.filter((one) => one.place.startsWith("provider:") && (one.input || one.output));
  return Object.fromEntries(priced.map((one) => [`${one.place.slice("provider:".length)}/${one.model}`, { input: Number(one.input || 0), output: Number(one.output || 0) }]));
}
