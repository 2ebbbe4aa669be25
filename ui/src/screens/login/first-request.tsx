/** First visit, step 4: one question to one model, and its answer. */
import { useSignal } from "@preact/signals";
import { useState } from "preact/hooks";
import { listModels } from "../../api/inference";
import { Button } from "../../parts/button";
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
  const [asked, setAsked] = useState(false);
  const answer = useSignal<Answer>(emptyAnswer(""));
  useEvery(chats.length ? 0 : 2000, models.reload);
  const model = chosen || chats[0]?.id || "";
  const body = { model, messages: [{ role: "user", content: words.prompt }] };
  const send = () => {
    answer.value = emptyAnswer(model);
    setAsked(true);
    void run(answer, { ...body, max_tokens: 200, stream: true, stream_options: { include_usage: true } }, apiKey, new AbortController().signal);
  };
  return (
    <div class="form">
      <p class="muted">{words.lead}</p>
      <Await of={models}>
        {() => chats.length === 0 ? <p class="hint warn">{words.noModels}</p> : (
          <>
            <div class="row nowrap">
              <div class="grow"><ModelPicker models={chats} value={model} onChange={setChosen} /></div>
              <Button kind="primary" icon="send" onClick={send}>{words.action}</Button>
            </div>
            <div class="said"><p>{words.prompt}</p></div>
            {asked && <AnswerView answer={answer} named={false} onAgain={send} />}
            {answer.value.state === "done" && <details><summary>{words.code}</summary><Snippets path="/v1/chat/completions" body={body} /></details>}
          </>
        )}
      </Await>
      <div><Button {...(answer.value.state === "done" ? { kind: "primary" as const } : {})} onClick={onDone}>{words.done}</Button></div>
    </div>
  );
}
