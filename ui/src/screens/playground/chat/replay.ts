/** Takes a stored request into the playground: what was said before becomes the conversation, the rest is to be sent. */
import { useEffect, useState } from "preact/hooks";
import type { ChatMessage } from "../../../api/inference";
import { readRequest } from "../../../api/usage";
import { query, setQuery } from "../../../state/router";
import { session } from "../../../state/session";
import { complain } from "../../../state/toasts";
import { newTurn, parameters, type Turn, turns } from "./conversation";

interface Stored {
  messages?: ChatMessage[];
  temperature?: number;
  top_p?: number;
  max_tokens?: number;
}

/** The text that was sent last, to be sent again. */
export function useReplay(): string {
  const [draft, setDraft] = useState("");
  const id = query.value.get("replay");
  useEffect(() => {
    if (!id) return;
    readRequest(session.peek()?.role === "admin" ? "/api/admin" : "/api/user", id).then((request) => {
      setDraft(load(JSON.parse(request.request_body ?? "{}") as Stored, request.model));
      setQuery({ replay: null });
    }, complain);
  }, [id]);
  return draft;
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
