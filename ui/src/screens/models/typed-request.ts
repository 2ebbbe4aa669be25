/** A request that is put together in a form, for dry runs: what it holds decides which targets can take it. */

export interface Typed {
  text: string;
  image: boolean;
  tools: boolean;
  schema: boolean;
  maxTokens: string;
}

export const ENDPOINTS: Record<string, string> = {
  chat: "/v1/chat/completions",
  embedding: "/v1/embeddings",
  transcription: "/v1/audio/transcriptions",
  ocr: "/v1/ocr",
  rerank: "/v1/rerank",
  image: "/v1/images/generations",
  speech: "/v1/audio/speech",
  moderation: "/v1/moderations",
};

/** One grey pixel: enough for a request to be one with an image. */
const PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==";

export function bodyOfTyped(typed: Typed, path: string): Record<string, unknown> {
  if (path === ENDPOINTS.embedding) return { input: [typed.text] };
  if (path === ENDPOINTS.rerank) return { query: typed.text, documents: [typed.text] };
  if (path === ENDPOINTS.image) return { prompt: typed.text };
  if (path === ENDPOINTS.speech || path === ENDPOINTS.moderation) return { input: typed.text };
  if (path !== ENDPOINTS.chat) return {};
  const content = typed.image ? [{ type: "text", text: typed.text }, { type: "image_url", image_url: { url: PIXEL } }] : typed.text;
  return {
    messages: [{ role: "user", content }],
    ...(typed.tools ? { tools: [{ type: "function", function: { name: "look_up", parameters: { type: "object", properties: {} } } }] } : {}),
    ...(typed.schema ? { response_format: { type: "json_schema", json_schema: { name: "answer", schema: { type: "object" } } } } : {}),
    ...(typed.maxTokens.trim() ? { max_tokens: Number(typed.maxTokens) } : {}),
  };
}

/** Null where it is no JSON object. */
export function parseBody(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text || "{}");
    return value && typeof value === "object" && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
