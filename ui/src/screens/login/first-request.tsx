/** First visit, step 4: one question to one model, and its answer. */
import { useSignal } from "@preact/signals";
import { useState } from "preact/hooks";
import { listModels } from "../../api/inference";
import { Button } from "../../parts/button";
import { Field } from "../../parts/field";
import { ModelPicker } from "../../parts/model-picker";
import { Snippets } from "../../parts/snippets";
import { Await } from "../../parts/states";
import { useEvery, useResource } from "../../state/resource";
import { text } from "../../text";
import { AnswerView } from "../playground/chat/answer";
import { type Answer, emptyAnswer } from "../playground/chat/conversation";
import { run } from "../playground/chat/run";

export function FirstRequest({ apiKey, onDone }: { apiKey: string; onDone: () => void }) {
  const words = text.login.setup.first;
  const models = useResource("first", (signal) => listModels(apiKey, signal));
  const chats = (models.data ?? []).filter((model) => model.type === "chat");
  const [chosen, setChosen] = useState("");
  const [question, setQuestion] = useState(words.prompt);
  const [asked, setAsked] = useState("");
  const answer = useSignal<Answer>(emptyAnswer(""));
  useEvery(chats.length ? 0 : 2000, models.reload);
  const model = chosen || chats[0]?.id || "";
  const body = { model, messages: [{ role: "user", content: question.trim() }] };
  const send = () => {
    answer.value = emptyAnswer(model);
    setAsked(question.trim());
    void run(answer, { ...body, max_tokens: 200, stream: true, stream_options: { include_usage: true } }, apiKey, new AbortController().signal);
  };
  return (
    <div class="form">
      <p class="muted">{words.lead}</p>
      <Await of={models}>
        {() => chats.length === 0 ? <p class="hint warn">{words.noModels}</p> : (
          <>
            <Field label={text.playground.test.model}>{() => <ModelPicker models={chats} value={model} onChange={setChosen} />}</Field>
            <form class="row nowrap" onSubmit={(event) => { event.preventDefault(); if (question.trim()) send(); }}>
              <input class="input grow" aria-label={words.question} value={question} onInput={(event) => setQuestion(event.currentTarget.value)} />
              <Button type="submit" kind="primary" icon="send" busy={asked !== "" && ["waiting", "streaming"].includes(answer.value.state)} disabled={!question.trim()}>{words.action}</Button>
            </form>
            {asked && <div class="said"><p>{asked}</p></div>}
            {asked && <AnswerView answer={answer} named={false} onAgain={send} />}
            {answer.value.state === "done" && <details><summary>{words.code}</summary><Snippets path="/v1/chat/completions" body={body} /></details>}
          </>
        )}
      </Await>
      <div><Button {...(answer.value.state === "done" ? { kind: "primary" as const } : {})} onClick={onDone}>{words.done}</Button></div>
    </div>
  );
}
