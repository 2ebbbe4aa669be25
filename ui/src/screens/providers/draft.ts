/** A provider as it is typed into the form, and back. */
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
}

export const FIELDS = ["id", "name", "type", "base_url", "api_key", "api_keys", "timeout", "max_retries", "headers", "models", "proxy"] as const;

type Entry = Partial<ModelLine> & { id: string };

function entries(models: unknown): Entry[] {
  return Array.isArray(models) ? models.map((one: string | Entry) => (typeof one === "string" ? { id: one } : one)) : [];
}

export function isMap(models: unknown): boolean {
  return typeof models === "object" && models !== null && !Array.isArray(models) && Object.keys(models).length > 0;
}

export function draftOf(provider?: Provider): Draft {
  const figure = (value: number | null | undefined) => (value == null ? "" : String(value));
  const [first = "", ...more] = provider?.api_keys ?? [];
  return {
    id: provider?.id ?? "",
    name: provider?.name ?? "",
    type: provider?.type ?? "openai",
    base_url: provider?.base_url ?? "",
    api_key: first,
    more_keys: toLines(more),
    enabled: provider?.enabled ?? true,
    timeout: figure(provider?.timeout),
    max_retries: figure(provider?.max_retries),
    headers: toPairs(provider?.headers),
    models: entries(provider?.models).map((one) => ({ id: one.id, type: one.type ?? "", name: one.name ?? "", base_url: one.base_url ?? "", tee: one.tee })),
    proxy: provider?.proxy ?? "",
    http2: provider?.http2 ?? false,
    health_check: provider?.health_check != null,
  };
}

/** The whole provider as the API takes it, masked secrets included: they stay what they are. */
export function toInput(provider: Provider): ProviderInput {
  return inputOf(draftOf(provider), provider);
}

export function inputOf(draft: Draft, before?: Provider): ProviderInput {
  const figure = (typed: string) => (typed.trim() === "" ? null : Number(typed));
  const keys = [draft.api_key.trim(), ...fromLines(draft.more_keys)].filter(Boolean);
  const kept = before ? { fallbacks: before.fallbacks, performance: before.performance, debug: before.debug, transport: before.transport, tee: before.tee, data: before.data } : {};
  return {
    ...(kept as ProviderInput),
    ...(before || !draft.id.trim() ? {} : { id: draft.id.trim() }),
    name: draft.name.trim(),
    type: draft.type,
    base_url: draft.base_url.trim(),
    api_keys: keys,
    enabled: draft.enabled,
    timeout: figure(draft.timeout),
    max_retries: figure(draft.max_retries),
    headers: fromPairs(draft.headers),
    models: (isMap(before?.models) ? before?.models : draft.models.filter((one) => one.id.trim()).map(entryOf)) as ProviderInput["models"],
    proxy: draft.proxy.trim() || null,
    http2: draft.http2,
    health_check: (draft.health_check ? (before?.health_check ?? {}) : null) as ProviderInput["health_check"],
  };
}

function entryOf(line: ModelLine): Entry {
  return { id: line.id.trim(), ...(line.type ? { type: line.type } : {}), ...(line.name ? { name: line.name } : {}), ...(line.base_url ? { base_url: line.base_url } : {}), ...(line.tee == null ? {} : { tee: line.tee }) };
}
