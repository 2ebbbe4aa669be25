/** Calls to the gateway: cookie session with its CSRF token for the admin API, a key for /v1. */
import { signal } from "@preact/signals";
import { text } from "../text";
import { isAbort, toError, Unreachable } from "./errors";

/** Of the session; sent with every change. */
export const csrfToken = signal("");
/** Grows when the server says that the session is over: whoever shows a screen then asks for a login. */
export const sessionEnded = signal(0);

export interface Ask {
  method?: string;
  body?: unknown;
  signal?: AbortSignal;
  headers?: Record<string, string>;
  key?: string;
}

/** The raw reply of a 2xx; anything else is thrown as ApiError, no reply at all as Unreachable. */
export async function send(path: string, ask: Ask = {}): Promise<Response> {
  const method = ask.method ?? "GET";
  const headers = new Headers(ask.headers);
  if (ask.key) headers.set("authorization", `Bearer ${ask.key}`);
  else if (method !== "GET" && csrfToken.value) headers.set("x-csrf-token", csrfToken.value);
  let body: BodyInit | null = null;
  if (ask.body instanceof FormData || ask.body instanceof Blob) body = ask.body;
  else if (ask.body !== undefined) {
    headers.set("content-type", "application/json");
    body = JSON.stringify(ask.body);
  }
  const reply = await reach(path, { method, headers, body, signal: ask.signal ?? null, credentials: "same-origin" });
  if (reply.ok) return reply;
  if (reply.status === 401 && !ask.key && path.startsWith("/api/")) sessionEnded.value += 1;
  throw await toError(reply);
}

/** What of a reply is read to its end; Unreachable where it breaks off. */
export async function wholly<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new Unreachable(text.common.brokenOff);
  }
}

export function parsed<T>(json: string): T {
  try {
    return JSON.parse(json) as T;
  } catch {
    throw new Error(text.common.notJson);
  }
}

/** The JSON of a reply; undefined where it is empty. */
export async function readJson<T>(reply: Response): Promise<T> {
  const body = await wholly(reply.text());
  return body ? parsed<T>(body) : (undefined as T);
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, init);
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new Unreachable(text.common.unreachable);
  }
}

export async function ask<T>(path: string, options: Ask = {}): Promise<T> {
  return readJson<T>(await send(path, options));
}

/** A query string of what is set. */
export function params(values: Record<string, string | number | boolean | null | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, String(value));
  }
  const made = query.toString();
  return made ? `?${made}` : "";
}
