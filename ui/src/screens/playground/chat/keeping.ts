/** The conversation outlives a reload: it goes into the tab's storage when the page is left, and ends with the key. */
import { effect, type Signal } from "@preact/signals";
import { messageOf } from "../../../api/errors";
import { apiKey, masked } from "../../../state/access";
import type { Answer, Turn } from "./conversation";
import type { Picture } from "./pictures";

const NAME = "gateway.conversation";

interface Kept {
  /** Whose conversation it is, masked. */
  key: string;
  turns: { text: string; pictures: Picture[]; answers: (Omit<Answer, "error"> & { error: string })[] }[];
}

export function keepTurns(turns: Signal<Turn[]>, newTurn: (text: string, pictures: Picture[], models: string[]) => Turn): void {
  turns.value = read().map(({ text, pictures, answers }) => {
    const turn = newTurn(text, pictures, answers.map((answer) => answer.model));
    turn.answers.forEach((answer, column) => {
      const kept = answers[column];
      if (kept) answer.value = { ...kept, error: kept.error && new Error(kept.error) };
    });
    return turn;
  });
  effect(() => {
    if (!apiKey.value) turns.value = [];
  });
  window.addEventListener("pagehide", () => write(turns.peek()));
}

function read(): Kept["turns"] {
  try {
    const kept = JSON.parse(window.sessionStorage.getItem(NAME) ?? "null") as Kept | null;
    return kept && kept.key === masked(apiKey.peek()) ? kept.turns : [];
  } catch {
    return [];
  }
}

function write(turns: Turn[]): void {
  const kept = turns.map(({ text, pictures, answers }) => ({ text, pictures, answers: answers.map((answer) => ended(answer.peek())) }));
  for (const said of [kept, kept.map((turn) => ({ ...turn, pictures: [] }))]) {
    try {
      if (said.length === 0) window.sessionStorage.removeItem(NAME);
      else window.sessionStorage.setItem(NAME, JSON.stringify({ key: masked(apiKey.peek()), turns: said } satisfies Kept));
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
