/** A key as it is typed into the form, and back. */
import type { ApiKey, ApiKeyInput } from "../../api/types";
import { fromLines, toLines } from "../../format/lines";
import { limitFields, limitInput, type LimitInput } from "../../parts/limits";

export interface Draft {
  name: string;
  key: string;
  user_id: string;
  allowed_models: string;
  allowed_operations: string[];
  enabled: boolean;
  expires_at: string;
  allowed_ips: string;
  store_bodies: boolean;
  cache: boolean;
  tee: string;
  data: string;
  limits: LimitInput;
}

export const FIELDS = ["name", "key", "user_id", "allowed_models", "allowed_operations", "expires_at", "allowed_ips", "rpm", "tpm", "max_parallel", "budget_usd", "budget_period", "tee", "data"] as const;

export const OPERATIONS = ["chat.completions", "completions", "embeddings", "rerank", "images.generations", "images.edits", "audio.speech", "audio.transcriptions", "audio.translations", "ocr", "moderations"];

export function draftOf(key?: ApiKey): Draft {
  return {
    name: key?.name ?? "",
    key: "",
    user_id: key?.user_id ?? "",
    allowed_models: toLines(key?.allowed_models),
    allowed_operations: key?.allowed_operations ?? [],
    enabled: key?.enabled ?? true,
    expires_at: toLocal(key?.expires_at),
    allowed_ips: toLines(key?.allowed_ips),
    store_bodies: key?.store_bodies ?? false,
    cache: key?.cache ?? false,
    tee: key?.tee ?? "",
    data: key?.data ?? "",
    limits: limitInput(key),
  };
}

export function toInput(key: ApiKey): ApiKeyInput {
  return inputOf(draftOf(key), key);
}

export function inputOf(draft: Draft, before?: ApiKey): ApiKeyInput {
  return {
    name: draft.name.trim(),
    ...(draft.key.trim() && !before ? { key: draft.key.trim() } : {}),
    user_id: draft.user_id,
    allowed_models: fromLines(draft.allowed_models),
    allowed_operations: draft.allowed_operations,
    enabled: draft.enabled,
    expires_at: draft.expires_at === toLocal(before?.expires_at) ? (before?.expires_at ?? null) : fromLocal(draft.expires_at),
    allowed_ips: fromLines(draft.allowed_ips),
    store_bodies: draft.store_bodies,
    cache: draft.cache,
    tee: (draft.tee || null) as ApiKeyInput["tee"],
    data: (draft.data || null) as ApiKeyInput["data"],
    stream_policy: (before?.stream_policy ?? null) as ApiKeyInput["stream_policy"],
    ...limitFields(draft.limits),
  };
}

/** What is no moment goes as it was typed: the server says so. */
function fromLocal(typed: string): string | null {
  const moment = new Date(typed);
  return Number.isNaN(moment.getTime()) ? typed || null : moment.toISOString();
}

/** For a field of date and time, in the zone of the reader; to the minute. */
function toLocal(moment: string | null | undefined): string {
  if (!moment) return "";
  const date = new Date(moment);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
