/** The OpenAI-compatible endpoints, as far as the playground speaks them. */
import { ask, type Ask, send } from "./client";

export interface Model {
  id: string;
  name: string;
  type: string;
  owned_by: string;
  supports_image_upload: boolean;
  aliases: string[];
  demo: boolean;
  state: string;
}

export interface Usage {
  prompt_tokens?: number;
  completion_tokens?: number;
  total_tokens?: number;
  cost?: number;
  prompt_tokens_details?: { cached_tokens?: number } | null;
}

export type Part = { type: "text"; text: string } | { type: "image_url"; image_url: { url: string } };

export interface ChatMessage {
  role: "system" | "user" | "assistant";
  content: string | Part[];
}

/** A part of a call of a tool; `index` joins the parts of a stream. */
export interface ToolPart {
  index?: number;
  function?: { name?: string | null; arguments?: string | null };
}

export interface Delta {
  content?: string | null;
  reasoning_content?: string | null;
  reasoning?: string | null;
  tool_calls?: ToolPart[] | null;
}

export interface ChatChunk {
  choices?: { delta?: Delta; message?: Delta; finish_reason?: string | null }[];
  usage?: Usage | null;
  error?: { message?: string; code?: string | null };
  gateway?: { restart?: boolean };
}

export interface EmbeddingReply {
  data: { index: number; embedding: number[] }[];
  model: string;
  usage?: Usage;
}

export interface RerankReply {
  model: string;
  results: { index: number; relevance_score: number }[];
  usage?: Usage;
}

/** A picture comes as base64, or as an address at the provider. */
export interface Drawn {
  b64_json?: string | null;
  url?: string | null;
  revised_prompt?: string | null;
}

export interface ImagesReply {
  data: Drawn[];
  usage?: Usage;
}

export interface Word {
  word: string;
  start: number;
  end: number;
}

export interface Segment {
  start: number;
  end: number;
  text: string;
}

export interface Transcript {
  text: string;
  language?: string;
  duration?: number;
  segments?: Segment[];
  words?: Word[];
}

export interface OcrLine {
  text: string;
  score: number | null;
  box: [number, number][] | null;
}

export interface OcrPage {
  index: number;
  text: string;
  width: number | null;
  height: number | null;
  lines: OcrLine[];
}

export interface OcrReply {
  text: string;
  model: string;
  provider: string;
  pages: OcrPage[];
}

/** What the gateway says of an answer in its headers. */
export interface RouteFacts {
  requestId: string | null;
  provider: string | null;
  model: string | null;
  attempts: string[];
  overheadMs: number | null;
}

export function routeFacts(reply: Response): RouteFacts {
  const overhead = reply.headers.get("x-gateway-overhead-ms");
  return {
    requestId: reply.headers.get("x-request-id"),
    provider: reply.headers.get("x-gateway-provider"),
    model: reply.headers.get("x-gateway-model"),
    attempts: (reply.headers.get("x-gateway-attempts") ?? "").split(", ").filter(Boolean),
    overheadMs: overhead === null ? null : Number(overhead),
  };
}

export async function listModels(key: string, signal?: AbortSignal): Promise<Model[]> {
  const page = await ask<{ data: Model[] }>("/v1/models", { key, ...(signal ? { signal } : {}) });
  return page.data;
}

export function post(path: string, body: unknown, options: Pick<Ask, "key" | "signal">): Promise<Response> {
  return send(path, { ...options, method: "POST", body });
}
