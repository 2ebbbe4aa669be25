/** Chat with up to three models side by side. The chosen models stand in the address. */
import { useMemo, useState } from "preact/hooks";
import { Button } from "../../../parts/button";
import { Dialog } from "../../../parts/dialog";
import { ModelPicker } from "../../../parts/model-picker";
import { Snippets } from "../../../parts/snippets";
import { Empty } from "../../../parts/states";
import { directionOf } from "../../../format/direction";
import { apiKey } from "../../../state/access";
import { kept } from "../../../state/kept";
import { query, setQuery } from "../../../state/router";
import { text } from "../../../text";
import { useModels } from "../models";
import { useTyped } from "../typed";
import { AnswerView } from "./answer";
import { Composer, Previews } from "./composer";
import { emptyAnswer, extraFields, MAX_COLUMNS, newTurn, parameters, requestBody, type Turn, turns, underWay } from "./conversation";
import { Options } from "./options";
import type { Picture } from "./pictures";
import { useReplay } from "./replay";
import { run } from "./run";
import { useFollow } from "./follow";

const optionsOpen = kept("options", window.innerWidth > 1100);

function useColumns(available: { id: string }[]): [string[], (models: string[]) => void] {
  const [last, setLast] = useTyped("chat.model");
  const asked = query.value.getAll("model").join("\n").split("\n").filter(Boolean).slice(0, MAX_COLUMNS);
  const known = last.split("\n").filter((id) => available.some((model) => model.id === id));
  const columns = asked.length ? asked : known.length ? known : available.slice(0, 1).map((model) => model.id);
  const choose = (models: string[]) => {
    setLast(models.join("\n"));
    setQuery({ model: models.join("\n") });
  };
  return [columns, choose];
}

export function Chat() {
  const words = text.playground.chat;
  const models = useModels("chat");
  const [columns, setColumns] = useColumns(models);
  const busy = underWay.value !== null;
  const [showsCode, setShowsCode] = useState(false);
  useReplay();
  const blind = useMemo(() => columns.filter((id) => models.find((model) => model.id === id)?.supports_image_upload === false), [columns.join("\n"), models]);
  const ready = columns.length > 0 && extraFields(parameters.value.extra) !== null;

  const answerAll = async (history: Turn[], which: number[]) => {
    const turn = history[history.length - 1];
    if (!turn) return;
    const control = new AbortController();
    underWay.value = control;
    await Promise.all(
      which.map((column) => {
        const answer = turn.answers[column];
        return answer && run(answer, requestBody(answer.value.model, column, history, parameters.value), apiKey.value, control.signal);
      }),
    );
    if (underWay.peek() === control) underWay.value = null;
  };
  const say = (typed: string, pictures: Picture[]) => {
    turns.value = [...turns.value, newTurn(typed, pictures, columns)];
    void answerAll(turns.value, columns.map((_, n) => n));
  };
  const again = (column: number) => {
    const answer = turns.value[turns.value.length - 1]?.answers[column];
    if (!answer) return;
    answer.value = emptyAnswer(columns[column] ?? answer.value.model);
    void answerAll(turns.value, [column]);
  };

  return (
    <div class={optionsOpen.value ? "chat with-options" : "chat"}>
      <div class="chat-main">
        <div class="chat-head">
          <div class={`chat-models n${columns.length}`}>
            {columns.map((model, n) => (
              <div key={n} class="row nowrap tight">
                <ModelPicker models={models} value={model} onChange={(id) => setColumns(columns.map((old, i) => (i === n ? id : old)))} />
                {columns.length > 1 && <Button kind="ghost" icon="close" label={text.playground.model.remove} disabled={busy} onClick={() => setColumns(columns.filter((_, i) => i !== n))} />}
              </div>
            ))}
            {columns.length === 0 && <ModelPicker models={models} value="" onChange={(id) => setColumns([id])} />}
          </div>
          <div class="actions">
            {columns.length < MAX_COLUMNS && <Button icon="plus" label={text.playground.model.add} disabled={busy || models.length === 0} onClick={() => setColumns([...columns, models.find((model) => !columns.includes(model.id))?.id ?? columns[0] ?? ""])} />}
            <Button icon="code" label={words.codeTitle} onClick={() => setShowsCode(true)} />
            <Button icon="settings" label={words.parameters} pressed={optionsOpen.value} onClick={() => { optionsOpen.value = !optionsOpen.value; }} />
            <Button icon="edit" label={words.clear} disabled={turns.value.length === 0} onClick={() => { underWay.peek()?.abort(); turns.value = []; }} />
          </div>
        </div>
        <Conversation columns={columns} busy={busy} onAgain={again} />
        <Composer busy={busy} ready={ready} blind={blind} onSend={say} onStop={() => underWay.peek()?.abort()} />
      </div>
      {optionsOpen.value && <Options />}
      {showsCode && (
        <Dialog title={words.codeTitle} width="wide" onClose={() => setShowsCode(false)}>
          <Snippets path="/v1/chat/completions" body={requestBody(columns[0] ?? "", 0, turns.value.length ? turns.value : [newTurn("Hello!", [], [])], parameters.value)} />
        </Dialog>
      )}
    </div>
  );
}

function Conversation({ columns, busy, onAgain }: { columns: string[]; busy: boolean; onAgain: (column: number) => void }) {
  const box = useFollow();
  const said = turns.value;
  return (
    <div class="conversation" ref={box} tabIndex={0} role="log" aria-label={text.playground.title}>
      {said.length === 0 && <Empty icon="playground" title={text.playground.chat.emptyTitle}>{text.playground.chat.emptyLead}</Empty>}
      {said.map((turn, n) => (
        <section key={turn.id} class="turn">
          <div class="said" aria-label={text.playground.chat.you}>
            {turn.pictures.length > 0 && <Previews pictures={turn.pictures} />}
            {turn.text && <p dir={directionOf(turn.text)}>{turn.text}</p>}
          </div>
          <div class={`answers n${turn.answers.length}`}>
            {turn.answers.map((answer, column) => (
              <AnswerView key={column} answer={answer} named={turn.answers.length > 1 || answer.peek().model !== columns[0]} onAgain={n === said.length - 1 && !busy ? () => onAgain(column) : undefined} />
            ))}
          </div>
        </section>
      ))}
    </div>
  );
}
