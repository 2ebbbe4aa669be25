/** Takes a stored request into the playground: what was said before becomes the conversation, the rest is to be sent. */
import { useEffect } from "preact/hooks";
import type { ChatMessage } from "../../../api/inference";
import { readRequest } from "../../../api/usage";
import { query, setQuery } from "../../../state/router";
import { session } from "../../../state/session";
import { complain } from "../../../state/toasts";
import { draft, newTurn, parameters, type Turn, turns } from "./conversation";

interface Stored {
  messages?: ChatMessage[];
  temperature?: number;
  top_p?: number;
  max_tokens?: number;
}

/** What was sent last stands there to be sent again. */
export function useReplay(): void {
  const id = query.value.get("replay");
  useEffect(() => {
    if (!id) return;
    readRequest(session.peek()?.role === "admin" ? "/api/admin" : "/api/user", id).then((request) => {
      draft.value = { text: load(JSON.parse(request.request_body ?? "{}") as Stored, request.model), pictures: [] };
      setQuery({ replay: null });
    }, complain);
  }, [id]);
}

function load(stored: Stored, model: string): string {
  const figure = (value: number | undefined) => (value === undefined ? "" : String(value));
  const said: Turn[] = [];
  let system = "";
  for (const message of stored.messages ?? []) {
    const words = textOf(message);
    if (message.role === "system") system = words;
    else if (message.role === "user") said.push(newTurn(words, [], [model]));
    else {
      const answer = said[said.length - 1]?.answers[0];
      if (answer) answer.value = { ...answer.value, text: words, state: "done" };
    }
  }
  parameters.value = { ...parameters.value, system, temperature: figure(stored.temperature), topP: figure(stored.top_p), maxTokens: figure(stored.max_tokens) };
  const last = said.pop();
  turns.value = said;
  return last?.text ?? "";
}

function textOf(message: ChatMessage): string {
  if (typeof message.content === "string") return message.content;
  return message.content.map((part) => (part.type === "text" ? part.text : "")).join("");
}
