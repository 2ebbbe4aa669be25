/** A model as it is typed into the form, and back. What the form has no field for goes along unchanged. */
import type { ModelEntry, ModelInput, TargetInput } from "../../api/types";
import { fromLines, toLines } from "../../format/lines";

export interface TargetDraft {
  /** `engine:NAME` or `provider:ID`. */
  place: string;
  model: string;
  priority: string;
  weight: string;
  rest: TargetInput;
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
  rest: ModelInput;
}

export const FIELDS = ["id", "type", "policy", "targets", "supports_image_upload", "aliases", "stream_policy", "context_fallback", "tee", "data"] as const;

/** Fields of a model that only its YAML shows. */
const REST = ["name", "sticky", "spill", "hedge", "audio", "default_max_tokens", "max_tokens", "min_quantization", "max_price", "min_context"];
const TARGET_REST = ["base_url", "price", "prefill", "supports", "tee"];
const IN_FORM = ["id", "type", "policy", "targets", "supports_image_upload", "aliases", "enabled", "stream_policy", "context_fallback", "tee", "data"];

export function draftOf(entry?: ModelEntry): Draft {
  if (!entry) return draftOfInput("", { targets: [{ priority: 0, weight: 1 }] as ModelInput["targets"] });
  const targets = entry.targets.map((target) => ({ ...picked(target, TARGET_REST), ...(target.engine ? { engine: target.engine } : { provider: target.provider_id, model: target.upstream_model }), priority: target.priority, weight: target.weight }));
  const name = entry.name === entry.id ? {} : { name: entry.name };
  return draftOfInput(entry.id, { ...picked(entry, REST.slice(1)), ...name, ...(picked(entry, IN_FORM) as ModelInput), targets: targets as ModelInput["targets"] });
}

/** Of the fields as the server takes them, from a form or from YAML. */
export function draftOfInput(id: string, given: ModelInput): Draft {
  const input = withTargets(given);
  const rest = Object.fromEntries(Object.entries(input).filter(([name]) => !IN_FORM.includes(name)));
  return {
    id,
    type: input.type ?? "",
    policy: input.policy ?? "ordered",
    targets: ((input.targets ?? []) as TargetInput[]).map(targetDraft),
    images: input.supports_image_upload == null ? "" : String(input.supports_image_upload),
    aliases: toLines(input.aliases as string[] | undefined),
    enabled: input.enabled ?? true,
    stream_policy: input.stream_policy ?? "",
    context_fallback: input.context_fallback ?? "",
    tee: input.tee ?? "",
    data: input.data ?? "",
    rest,
  };
}

/** `provider` and `model`, or `engine`, are one target. With fallbacks they stay as they are written. */
function withTargets(given: ModelInput): ModelInput {
  const { engine, provider, model, base_url, fallbacks, ...others } = given as ModelInput & TargetInput;
  if ((given.targets as unknown[] | undefined)?.length || !(engine || provider) || (fallbacks as unknown[] | undefined)?.length) return given;
  const target = engine ? { engine } : { provider, model, ...(base_url ? { base_url } : {}) };
  return { ...(others as ModelInput), targets: [target] as ModelInput["targets"] };
}

export function newTarget(priority: number): TargetDraft {
  return { place: "", model: "", priority: String(priority), weight: "1", rest: {} };
}

function targetDraft(target: TargetInput): TargetDraft {
  const place = target.engine ? `engine:${target.engine}` : target.provider ? `provider:${target.provider}` : "";
  return { place, model: target.model ?? "", priority: String(target.priority ?? 0), weight: String(target.weight ?? 1), rest: picked(target, TARGET_REST) as TargetInput };
}

function picked(from: object, names: string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(from).filter(([name, value]) => names.includes(name) && value != null && value !== ""));
}

export function toInput(entry: ModelEntry): ModelInput {
  return inputOf(draftOf(entry));
}

/** The whole model as the API takes it, without its id. */
export function inputOf(draft: Draft): ModelInput {
  const targets = draft.targets.filter((target) => target.place).map(targetInput);
  return {
    ...draft.rest,
    type: (draft.type || null) as ModelInput["type"],
    policy: draft.policy as ModelInput["policy"],
    ...(targets.length || !("provider" in draft.rest) ? { targets: targets as ModelInput["targets"] } : {}),
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
  const order = { priority: Number(target.priority || 0), weight: Number(target.weight || 1) };
  return kind === "engine" ? { ...target.rest, engine: place, ...order } : { ...target.rest, provider: place, model: target.model.trim(), ...order };
}

/** In YAML, without what is as it would be anyway. */
export function writtenOf(draft: Draft): Record<string, unknown> {
  const { enabled, sticky, targets, ...input } = inputOf(draft);
  const short = ((targets ?? []) as TargetInput[]).map(({ priority, weight, ...target }) => ({ ...target, ...(priority ? { priority } : {}), ...(weight === 1 ? {} : { weight }) }));
  return { ...input, targets: short, ...(sticky && sticky !== "session" ? { sticky } : {}), ...(enabled ? {} : { enabled }) };
}
