/** One model's answer. */
import type { Signal } from "@preact/signals";
import { Code, CopyButton } from "../../../parts/code";
import { Button } from "../../../parts/button";
import { Badge } from "../../../parts/badge";
import { Markdown } from "../../../parts/markdown/markdown";
import { ErrorPanel } from "../../../parts/states";
import { pretty } from "../../../format/json";
import { text } from "../../../text";
import { Facts } from "../facts";
import type { Answer } from "./conversation";

export function AnswerView({ answer, named, onAgain }: { answer: Signal<Answer>; named: boolean; onAgain: (() => void) | undefined }) {
  const words = text.playground.chat;
  const { state, text: said, reasoning, tools, error, finish, model, ...facts } = answer.value;
  const busy = state === "waiting" || state === "streaming";
  return (
    <article class={state === "streaming" ? "answer streaming" : "answer"} aria-label={model} aria-busy={busy}>
      {named && <h3 class="truncate">{model}</h3>}
      {reasoning && (
        <details class="reasoning" open={!said && busy}>
          <summary>{words.thinking}</summary>
          <p>{reasoning}</p>
        </details>
      )}
      {said && <Markdown source={said} />}
      {tools.map((tool, n) => (
        <section key={n} class="stack tight" aria-label={words.tool(tool.name)}>
          <h3>{words.tool(tool.name)}</h3>
          <Code>{pretty(tool.arguments)}</Code>
        </section>
      ))}
      {state === "waiting" && <p class="waiting"><span class="spinner" />{words.waiting}</p>}
      {state === "failed" && <ErrorPanel error={error} {...(onAgain ? { retry: onAgain } : {})} />}
      {finish === "length" && <p class="faint">{words.cut}</p>}
      {!busy && state !== "failed" && (
        <footer>
          {state === "stopped" && <Badge tone="warn">{words.stopped}</Badge>}
          <Facts {...facts} />
          <span class="answer-actions">
            {onAgain && <Button kind="ghost" size="small" icon="refresh" label={words.again} onClick={onAgain} />}
            {said && <CopyButton kind="ghost" size="small" content={said} />}
          </span>
        </footer>
      )}
    </article>
  );
}
