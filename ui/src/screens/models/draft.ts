/** A model as it is typed into the form, and back. */
import type { ModelEntry, ModelInput, TargetEntry, TargetInput } from "../../api/types";
import { fromLines, toLines } from "../../format/lines";

export interface TargetDraft {
  /** `engine:NAME` or `provider:ID`. */
  place: string;
  model: string;
  priority: string;
  weight: string;
  before?: TargetEntry;
}

export interface Draft {
  id: string;
  type: string;
  policy: string;
  targets: TargetDraft[];
  images: string;
  aliases: string;
  enabled: boolean;
  stream_policy: string;
  context_fallback: string;
  tee: string;
  data: string;
}

export const FIELDS = ["id", "type", "policy", "targets", "supports_image_upload", "aliases", "stream_policy", "context_fallback", "tee", "data"] as const;

export function draftOf(entry?: ModelEntry): Draft {
  return {
    id: entry?.id ?? "",
    type: entry?.type ?? "",
    policy: entry?.policy ?? "ordered",
    targets: entry ? entry.targets.map(targetDraft) : [newTarget(0)],
    images: entry?.supports_image_upload == null ? "" : String(entry.supports_image_upload),
    aliases: toLines(entry?.aliases),
    enabled: entry?.enabled ?? true,
    stream_policy: entry?.stream_policy ?? "",
    context_fallback: entry?.context_fallback ?? "",
    tee: entry?.tee ?? "",
    data: entry?.data ?? "",
  };
}

export function newTarget(priority: number): TargetDraft {
  return { place: "", model: "", priority: String(priority), weight: "1" };
}

function targetDraft(target: TargetEntry): TargetDraft {
  return {
    place: target.engine ? `engine:${target.engine}` : `provider:${target.provider_id}`,
    model: target.engine ? "" : target.upstream_model,
    priority: String(target.priority ?? 0),
    weight: String(target.weight ?? 1),
    before: target,
  };
}

export function toInput(entry: ModelEntry): ModelInput {
  return inputOf(draftOf(entry), entry);
}

export function inputOf(draft: Draft, before?: ModelEntry): ModelInput {
  const kept = before ? { name: before.name === before.id ? "" : before.name, sticky: before.sticky, spill: before.spill, hedge: before.hedge } : {};
  return {
    ...(kept as ModelInput),
    ...(before ? {} : { id: draft.id.trim() }),
    type: (draft.type || null) as ModelInput["type"],
    policy: draft.policy as ModelInput["policy"],
    targets: draft.targets.filter((target) => target.place).map(targetInput) as ModelInput["targets"],
    supports_image_upload: draft.images === "" ? null : draft.images === "true",
    aliases: fromLines(draft.aliases),
    enabled: draft.enabled,
    stream_policy: (draft.stream_policy || null) as ModelInput["stream_policy"],
    context_fallback: draft.context_fallback,
    tee: (draft.tee || null) as ModelInput["tee"],
    data: (draft.data || null) as ModelInput["data"],
  };
}

function targetInput(target: TargetDraft): TargetInput {
  const [kind, ...rest] = target.place.split(":");
  const place = rest.join(":");
  const { before } = target;
  const kept: TargetInput = before ? ({ base_url: before.base_url, price: before.price, prefill: before.prefill, supports: before.supports, tee: before.tee } as TargetInput) : {};
  const order = { priority: Number(target.priority || 0), weight: Number(target.weight || 1) };
  return kind === "engine" ? { ...kept, engine: place, ...order } : { ...kept, provider: place, model: target.model.trim(), ...order };
}
