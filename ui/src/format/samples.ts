/** The endpoints, by the names that requests carry: an example of each, and the tab of the playground that tries it. */
import type { Sample } from "./snippets";

interface Endpoint {
  path: string;
  tab?: string;
  /** Of the models that it asks. */
  type: string;
  /** The name of a file that goes along. */
  file?: string;
  body: (model: string) => Record<string, unknown>;
}

const ENDPOINTS: Record<string, Endpoint> = {
  "chat.completions": { path: "/v1/chat/completions", tab: "/playground", type: "chat", body: (model) => ({ model, messages: [{ role: "user", content: "What is a chute?" }] }) },
  completions: { path: "/v1/completions", type: "completion", body: (model) => ({ model, prompt: "A chute is" }) },
  embeddings: { path: "/v1/embeddings", tab: "/playground/embeddings", type: "embedding", body: (model) => ({ model, input: ["a small dog", "a little hound"] }) },
  "audio.transcriptions": { path: "/v1/audio/transcriptions", tab: "/playground/transcription", type: "transcription", file: "speech.wav", body: (model) => ({ model }) },
  "audio.translations": { path: "/v1/audio/translations", type: "translation", file: "speech.wav", body: (model) => ({ model }) },
  "audio.speech": { path: "/v1/audio/speech", tab: "/playground/speech", type: "speech", body: (model) => ({ model, input: "Good morning.", voice: "alloy" }) },
  "images.generations": { path: "/v1/images/generations", tab: "/playground/images", type: "image", body: (model) => ({ model, prompt: "a red kite over the sea", size: "1024x1024" }) },
  ocr: { path: "/v1/ocr", tab: "/playground/ocr", type: "ocr", file: "page.png", body: (model) => ({ model }) },
  moderations: { path: "/v1/moderations", type: "moderation", body: (model) => ({ model, input: ["I like kites."] }) },
  rerank: { path: "/v1/rerank", tab: "/playground/rerank", type: "rerank", body: (model) => ({ model, query: "blue sky", documents: ["green grass", "a blue sky"] }) },
};
const CHAT = ENDPOINTS["chat.completions"] as Endpoint;

/** Of chat for what is not known. */
export function endpointOf(operation: string): Endpoint {
  return ENDPOINTS[operation] ?? CHAT;
}

export function sampleOf(endpoint: Endpoint, model: string): Sample {
  return { path: endpoint.path, body: endpoint.body(model), ...(endpoint.file ? { file: endpoint.file } : {}) };
}

/** What a model of this type is asked, for example. */
export function sampleFor(type: string | null | undefined, model: string): Sample {
  return sampleOf(Object.values(ENDPOINTS).find((one) => one.type === type) ?? CHAT, model);
}
