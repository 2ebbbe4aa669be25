/** How to call the gateway from code. */
import { CopyButton } from "../../parts/code";
import { ModelPicker } from "../../parts/model-picker";
import { Panel } from "../../parts/page";
import { Snippets } from "../../parts/snippets";
import { query, setQuery } from "../../state/router";
import { text } from "../../text";
import { useModels } from "./models";

const SAMPLES: Record<string, { path: string; file?: string; body: (model: string) => Record<string, unknown> }> = {
  chat: { path: "/v1/chat/completions", body: (model) => ({ model, messages: [{ role: "user", content: "What is a chute?" }] }) },
  embedding: { path: "/v1/embeddings", body: (model) => ({ model, input: ["a small dog", "a little hound"] }) },
  transcription: { path: "/v1/audio/transcriptions", file: "speech.wav", body: (model) => ({ model }) },
  speech: { path: "/v1/audio/speech", body: (model) => ({ model, input: "Good morning.", voice: "alloy" }) },
  image: { path: "/v1/images/generations", body: (model) => ({ model, prompt: "a red kite over the sea", size: "1024x1024" }) },
  ocr: { path: "/v1/ocr", file: "page.png", body: (model) => ({ model }) },
  rerank: { path: "/v1/rerank", body: (model) => ({ model, query: "blue sky", documents: ["green grass", "a blue sky"] }) },
};

export function Docs() {
  const words = text.playground.docs;
  const models = useModels();
  const base = `${window.location.origin}/v1`;
  const chosen = models.find((model) => model.id === query.value.get("model")) ?? models[0];
  const sample = SAMPLES[chosen?.type ?? "chat"] ?? SAMPLES.chat;
  return (
    <div class="stack">
      <Panel>
        <dl class="facts">
          <dt>{words.base}</dt>
          <dd class="row"><code>{base}</code><CopyButton size="small" kind="ghost" content={base} /></dd>
          <dt>{words.reference}</dt>
          <dd><a href="/openapi.json" target="_blank" rel="noreferrer">/openapi.json</a></dd>
        </dl>
      </Panel>
      <Panel title={sample?.path ?? ""} note={words.lead} actions={<ModelPicker models={models} value={chosen?.id ?? ""} onChange={(id) => setQuery({ model: id })} />}>
        {sample && <Snippets {...sample} body={sample.body(chosen?.id ?? "chat")} />}
      </Panel>
    </div>
  );
}
