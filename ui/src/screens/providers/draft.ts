/** A provider as it is typed into the form, and back. What the form has no field for goes along unchanged. */
import type { Provider, ProviderInput } from "../../api/types";
import { fromLines, fromPairs, toLines, toPairs } from "../../format/lines";

export interface ModelLine {
  id: string;
  type: string;
  name: string;
  base_url: string;
  tee?: boolean | null | undefined;
}

export interface Draft {
  id: string;
  name: string;
  type: string;
  base_url: string;
  api_key: string;
  more_keys: string;
  enabled: boolean;
  timeout: string;
  max_retries: string;
  headers: string;
  models: ModelLine[];
  proxy: string;
  http2: boolean;
  health_check: boolean;
  /** Models that are written as a map stay as they are. */
  modelMap: unknown;
  health: unknown;
  rest: ProviderInput;
}

export const FIELDS = ["id", "name", "type", "base_url", "api_key", "api_keys", "timeout", "max_retries", "headers", "models", "proxy"] as const;

/** Fields of a provider that only its YAML shows. */
const REST = ["fallbacks", "performance", "debug", "transport", "stream_usage", "log_level", "tee", "data"];

type Entry = Partial<ModelLine> & { id: string };

function entries(models: unknown): Entry[] {
  return Array.isArray(models) ? models.map((one: string | Entry) => (typeof one === "string" ? { id: one } : one)) : [];
}

export function isMap(models: unknown): boolean {
  return typeof models === "object" && models !== null && !Array.isArray(models) && Object.keys(models).length > 0;
}

export function draftOf(provider?: Provider): Draft {
  return draftOfInput(provider?.id ?? "", (provider ?? {}) as ProviderInput);
}

/** Of the fields as the server takes them, from a form or from YAML. */
export function draftOfInput(id: string, given: ProviderInput): Draft {
  const figure = (value: number | null | undefined) => (value == null ? "" : String(value));
  const all = [...(given.api_key && !given.api_keys?.length ? [given.api_key] : []), ...((given.api_keys ?? []) as string[])];
  const [first = "", ...more] = all as string[];
  const map = isMap(given.models);
  return {
    id,
    name: given.name ?? "",
    type: given.type ?? "openai",
    base_url: given.base_url ?? "",
    api_key: first,
    more_keys: toLines(more),
    enabled: given.enabled ?? true,
    timeout: figure(given.timeout),
    max_retries: figure(given.max_retries),
    headers: toPairs(given.headers as Record<string, string> | undefined),
    models: map ? [] : entries(given.models).map((one) => ({ id: one.id, type: one.type ?? "", name: one.name ?? "", base_url: one.base_url ?? "", ...(one.tee == null ? {} : { tee: one.tee }) })),
    proxy: (given.proxy as string | null | undefined) ?? "",
    http2: given.http2 ?? false,
    health_check: given.health_check != null,
    modelMap: map ? given.models : null,
    health: given.health_check ?? {},
    rest: Object.fromEntries(Object.entries(given).filter(([name, value]) => REST.includes(name) && value != null)) as ProviderInput,
  };
}

/** The whole provider as the API takes it, masked secrets included: they stay what they are. */
export function toInput(provider: Provider): ProviderInput {
  return inputOf(draftOf(provider));
}

/** Without its id. */
export function inputOf(draft: Draft): ProviderInput {
  const figure = (typed: string) => (typed.trim() === "" ? null : Number(typed));
  const keys = [draft.api_key.trim(), ...fromLines(draft.more_keys)].filter(Boolean);
  return {
    ...draft.rest,
    name: draft.name.trim(),
    type: draft.type,
    base_url: draft.base_url.trim(),
    api_keys: keys,
    enabled: draft.enabled,
    timeout: figure(draft.timeout),
    max_retries: figure(draft.max_retries),
    headers: fromPairs(draft.headers),
    models: (draft.modelMap ?? draft.models.filter((one) => one.id.trim()).map(entryOf)) as ProviderInput["models"],
    proxy: draft.proxy.trim() || null,
    http2: draft.http2,
    health_check: (draft.health_check ? draft.health : null) as ProviderInput["health_check"],
  };
}

/** In YAML, where a plain name is enough for most models, and what is as it would be anyway is left out. */
export function writtenOf(draft: Draft): Record<string, unknown> {
  const { http2, models, performance, debug, stream_usage, enabled, ...input } = inputOf(draft);
  const plain = Array.isArray(models) ? (models as Entry[]).map((one) => (Object.keys(one).length === 1 ? one.id : one)) : models;
  const usual = { ...(enabled ? {} : { enabled }), ...(http2 ? { http2 } : {}), ...(debug ? { debug } : {}), ...(stream_usage === false ? { stream_usage } : {}), ...(isUsual(performance) ? {} : { performance }) };
  return { ...input, models: plain, ...usual, ...(draft.health_check && isEmptyObject(draft.health) ? { health_check: true } : {}) };
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function isUsual(performance: unknown): boolean {
  const { timeout, max_retries, retry_backoff } = (performance ?? {}) as Record<string, unknown>;
  return timeout == null && max_retries == null && (retry_backoff ?? "exponential") === "exponential";
}

function entryOf(line: ModelLine): Entry {
  return { id: line.id.trim(), ...(line.type ? { type: line.type } : {}), ...(line.name ? { name: line.name } : {}), ...(line.base_url ? { base_url: line.base_url } : {}), ...(line.tee == null ? {} : { tee: line.tee }) };
}
