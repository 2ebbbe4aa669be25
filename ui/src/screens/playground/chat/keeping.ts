/** The conversation and what is being written outlive a reload, as long as the key. */
import type { Signal } from "@preact/signals";
import { messageOf } from "../../../api/errors";
import { keptWithKey } from "../../../state/kept-with-key";
import type { Answer, Draft, Turn } from "./conversation";
import type { Picture } from "./pictures";

interface Kept {
  turns: { text: string; pictures: Picture[]; answers: (Omit<Answer, "error"> & { error: string })[] }[];
  draft: Draft;
}

export function keepConversation(turns: Signal<Turn[]>, draft: Signal<Draft>, newTurn: (text: string, pictures: Picture[], models: string[]) => Turn): void {
  const forget = () => {
    turns.value = [];
    draft.value = { text: "", pictures: [] };
  };
  const kept = keptWithKey("gateway.conversation", () => told(turns.peek(), draft.peek()), forget);
  if (!kept) return;
  draft.value = kept.draft;
  turns.value = kept.turns.map(({ text, pictures, answers }) => {
    const turn = newTurn(text, pictures, answers.map((answer) => answer.model));
    turn.answers.forEach((answer, column) => {
      const kept = answers[column];
      if (kept) answer.value = { ...kept, error: kept.error && new Error(kept.error) };
    });
    return turn;
  });
}

/** With the pictures, and without them. */
function told(turns: Turn[], draft: Draft): Kept[] {
  if (turns.length === 0 && !draft.text && draft.pictures.length === 0) return [];
  const said = turns.map(({ text, pictures, answers }) => ({ text, pictures, answers: answers.map((answer) => ended(answer.peek())) }));
  return [{ turns: said, draft }, { turns: said.map((turn) => ({ ...turn, pictures: [] })), draft: { ...draft, pictures: [] } }];
}

/** An answer that was under way stops where the page is left. */
function ended(answer: Answer): Kept["turns"][number]["answers"][number] {
  const busy = answer.state === "waiting" || answer.state === "streaming";
  return { ...answer, state: busy ? "stopped" : answer.state, error: answer.error ? messageOf(answer.error) : "" };
}
