/** A request as it could be sent again. */
import type { RequestDetail } from "../../api/types";

export const PATHS: Record<string, string> = {
  "chat.completions": "/v1/chat/completions",
  completions: "/v1/completions",
  embeddings: "/v1/embeddings",
  "audio.transcriptions": "/v1/audio/transcriptions",
  "audio.translations": "/v1/audio/translations",
  ocr: "/v1/ocr",
};

const TABS: Record<string, string> = { "chat.completions": "/playground", embeddings: "/playground/embeddings", "audio.transcriptions": "/playground/transcription", ocr: "/playground/ocr" };

/** What was stored, else the same model with an example. */
export function bodyOf(request: RequestDetail): Record<string, unknown> {
  try {
    const stored: unknown = JSON.parse(request.request_body ?? "");
    if (stored && typeof stored === "object" && !Array.isArray(stored)) return stored as Record<string, unknown>;
  } catch {
    // Nothing was stored, or no JSON.
  }
  const stream = request.stream ? { stream: true } : {};
  if (request.operation === "embeddings") return { model: request.model, input: "Hello!" };
  return { model: request.model, messages: [{ role: "user", content: "Hello!" }], ...stream };
}

export function replayAddress(request: RequestDetail): string | null {
  const tab = TABS[request.operation];
  if (!tab) return null;
  const replay = request.request_body ? `&replay=${encodeURIComponent(request.request_id)}` : "";
  return `${tab}?model=${encodeURIComponent(request.model)}${replay}`;
}
