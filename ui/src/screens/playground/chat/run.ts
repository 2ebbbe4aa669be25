/** Asks a model and writes its answer down as it comes. */
import type { Signal } from "@preact/signals";
import { parsed, readJson } from "../../../api/client";
import { ApiError, isAbort } from "../../../api/errors";
import { type ChatChunk, post, routeFacts, type ToolPart } from "../../../api/inference";
import { events } from "../../../api/sse";
import { text } from "../../../text";
import type { Answer, ToolCall } from "./conversation";

export async function run(answer: Signal<Answer>, body: Record<string, unknown>, key: string, abort: AbortSignal): Promise<void> {
  const started = performance.now();
  const since = () => performance.now() - started;
  const change = (part: Partial<Answer>) => {
    answer.value = { ...answer.value, ...part };
  };
  try {
    const reply = await post("/v1/chat/completions", body, { key, signal: abort });
    change({ route: routeFacts(reply) });
    if (reply.headers.get("content-type")?.startsWith("text/event-stream")) await readStream(reply, answer, since);
    else readWhole(await readJson<ChatChunk>(reply), answer);
    change({ state: "done", total: since() });
  } catch (error) {
    if (isAbort(error)) change({ state: "stopped", total: since() });
    else change({ state: "failed", error, total: since() });
  }
}

async function readStream(reply: Response, answer: Signal<Answer>, since: () => number): Promise<void> {
  let complete = false;
  for await (const data of events(reply)) {
    if (data === "[DONE]") complete = true;
    else takeChunk(parsed<ChatChunk>(data), answer, since);
  }
  if (!complete) throw new Error(text.playground.chat.broken);
}

function takeChunk(chunk: ChatChunk, answer: Signal<Answer>, since: () => number): void {
  if (chunk.error) throw new ApiError(chunk.error.message ?? "", 502, null, chunk.error.code ?? null, answer.value.route?.requestId ?? null, null);
  const old = answer.value;
  const next: Answer = { ...old };
  if (chunk.gateway?.restart) Object.assign(next, { text: "", reasoning: "", tools: [] });
  const choice = chunk.choices?.[0];
  const said = choice?.delta?.content ?? "";
  const thought = choice?.delta?.reasoning_content ?? choice?.delta?.reasoning ?? "";
  const called = choice?.delta?.tool_calls ?? [];
  if ((said || thought || called.length > 0) && old.ttft === null) next.ttft = since();
  next.text += said;
  next.reasoning += thought;
  next.tools = withParts(next.tools, called);
  next.finish = choice?.finish_reason ?? old.finish;
  next.usage = chunk.usage ?? old.usage;
  if (next.ttft !== null) next.state = "streaming";
  answer.value = next;
}

/** Names come whole, arguments in pieces. */
function withParts(tools: ToolCall[], parts: ToolPart[]): ToolCall[] {
  const next = [...tools];
  parts.forEach((part, n) => {
    const at = part.index ?? n;
    const old = next[at] ?? { name: "", arguments: "" };
    next[at] = { name: old.name || (part.function?.name ?? ""), arguments: old.arguments + (part.function?.arguments ?? "") };
  });
  return next;
}

function readWhole(reply: ChatChunk, answer: Signal<Answer>): void {
  const choice = reply.choices?.[0];
  answer.value = {
    ...answer.value,
    text: choice?.message?.content ?? "",
    reasoning: choice?.message?.reasoning_content ?? choice?.message?.reasoning ?? "",
    tools: withParts([], choice?.message?.tool_calls ?? []),
    finish: choice?.finish_reason ?? null,
    usage: reply.usage ?? null,
  };
}
