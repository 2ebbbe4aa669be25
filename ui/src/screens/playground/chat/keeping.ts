/** The conversation and what is being written outlive a reload: they go into the tab's storage when the page is left, and end with the key. */
import { effect, type Signal } from "@preact/signals";
import { messageOf } from "../../../api/errors";
import { apiKey, masked } from "../../../state/access";
import type { Answer, Draft, Turn } from "./conversation";
import type { Picture } from "./pictures";

const NAME = "gateway.conversation";

interface Kept {
  /** Whose conversation it is, masked. */
  key: string;
  turns: { text: string; pictures: Picture[]; answers: (Omit<Answer, "error"> & { error: string })[] }[];
  draft: Draft;
}

export function keepConversation(turns: Signal<Turn[]>, draft: Signal<Draft>, newTurn: (text: string, pictures: Picture[], models: string[]) => Turn): void {
  const kept = read();
  draft.value = kept?.draft ?? draft.peek();
  turns.value = (kept?.turns ?? []).map(({ text, pictures, answers }) => {
    const turn = newTurn(text, pictures, answers.map((answer) => answer.model));
    turn.answers.forEach((answer, column) => {
      const kept = answers[column];
      if (kept) answer.value = { ...kept, error: kept.error && new Error(kept.error) };
    });
    return turn;
  });
  effect(() => {
    if (apiKey.value) return;
    turns.value = [];
    draft.value = { text: "", pictures: [] };
  });
  window.addEventListener("pagehide", () => write(turns.peek(), draft.peek()));
}

function read(): Kept | null {
  try {
    const kept = JSON.parse(window.sessionStorage.getItem(NAME) ?? "null") as Kept | null;
    return kept && kept.key === masked(apiKey.peek()) ? kept : null;
  } catch {
    return null;
  }
}

function write(turns: Turn[], draft: Draft): void {
  const said = turns.map(({ text, pictures, answers }) => ({ text, pictures, answers: answers.map((answer) => ended(answer.peek())) }));
  const whole: Kept = { key: masked(apiKey.peek()), turns: said, draft };
  const unseen: Kept = { ...whole, turns: said.map((turn) => ({ ...turn, pictures: [] })), draft: { ...draft, pictures: [] } };
  for (const kept of [whole, unseen]) {
    try {
      if (said.length === 0 && !draft.text && draft.pictures.length === 0) window.sessionStorage.removeItem(NAME);
      else window.sessionStorage.setItem(NAME, JSON.stringify(kept));
      return;
    } catch {
      // Too much for the storage: without the pictures it may fit.
    }
  }
}

/** An answer that was under way stops where the page is left. */
function ended(answer: Answer): Kept["turns"][number]["answers"][number] {
  const busy = answer.state === "waiting" || answer.state === "streaming";
  return { ...answer, state: busy ? "stopped" : answer.state, error: answer.error ? messageOf(answer.error) : "" };
}
