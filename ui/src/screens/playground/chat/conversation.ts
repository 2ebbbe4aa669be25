/** The conversation of the playground: what was said, and the answers of each model beside one another. */
import { type Signal, signal } from "@preact/signals";
import type { ChatMessage, Part, RouteFacts, Usage } from "../../../api/inference";
import { kept } from "../../../state/kept";
import { keepConversation } from "./keeping";
import type { Picture } from "./pictures";

export const MAX_COLUMNS = 3;

/** A tool that the model wants to be called; nothing here calls it. */
export interface ToolCall {
  name: string;
  arguments: string;
}

export interface Answer {
  model: string;
  state: "waiting" | "streaming" | "done" | "stopped" | "failed";
  text: string;
  reasoning: string;
  tools: ToolCall[];
  finish: string | null;
  error: unknown;
  usage: Usage | null;
  route: RouteFacts | null;
  /** Milliseconds from sending. */
  ttft: number | null;
  total: number | null;
}

export interface Turn {
  id: number;
  text: string;
  pictures: Picture[];
  /** By column. */
  answers: Signal<Answer>[];
}

export interface Draft {
  text: string;
  pictures: Picture[];
}

export const NO_DRAFT: Draft = { text: "", pictures: [] };

export interface Parameters {
  system: string;
  temperature: string;
  topP: string;
  maxTokens: string;
  stream: boolean;
  /** JSON object, as typed. */
  extra: string;
}

export const NO_PARAMETERS: Parameters = { system: "", temperature: "", topP: "", maxTokens: "", stream: true, extra: "" };

export const parameters = kept<Parameters>("parameters", NO_PARAMETERS);
export const turns = signal<Turn[]>([]);
/** What is written and not yet sent. */
export const draft = signal<Draft>(NO_DRAFT);
/** Stops the answers that are under way; null while none is. They go on while another tab is looked at. */
export const underWay = signal<AbortController | null>(null);

let last = 0;
export function newTurn(text: string, pictures: Picture[], models: string[]): Turn {
  last += 1;
  return { id: last, text, pictures, answers: models.map((model) => signal(emptyAnswer(model))) };
}

keepConversation(turns, draft, newTurn);

export function emptyAnswer(model: string): Answer {
  return { model, state: "waiting", text: "", reasoning: "", tools: [], finish: null, error: null, usage: null, route: null, ttft: null, total: null };
}

export function extraFields(typed: string): Record<string, unknown> | null {
  if (!typed.trim()) return {};
  try {
    const value: unknown = JSON.parse(typed);
    return value && typeof value === "object" && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function content(turn: Pick<Turn, "text" | "pictures">): string | Part[] {
  if (turn.pictures.length === 0) return turn.text;
  const images = turn.pictures.map((picture): Part => ({ type: "image_url", image_url: { url: picture.url } }));
  return turn.text ? [{ type: "text", text: turn.text }, ...images] : images;
}

/** What the model of a column is sent: everything said so far, with its own answers. */
export function requestBody(model: string, column: number, history: Turn[], chosen: Parameters): Record<string, unknown> {
  const messages: ChatMessage[] = chosen.system.trim() ? [{ role: "system", content: chosen.system }] : [];
  history.forEach((turn, n) => {
    messages.push({ role: "user", content: content(turn) });
    const answer = turn.answers[column]?.peek();
    if (n < history.length - 1 && answer?.text) messages.push({ role: "assistant", content: answer.text });
  });
  const body: Record<string, unknown> = { model, messages };
  if (chosen.temperature !== "") body.temperature = Number(chosen.temperature);
  if (chosen.topP !== "") body.top_p = Number(chosen.topP);
  if (chosen.maxTokens !== "") body.max_tokens = Number(chosen.maxTokens);
  if (chosen.stream) Object.assign(body, { stream: true, stream_options: { include_usage: true } });
  return Object.assign(body, extraFields(chosen.extra) ?? {});
}
