/** How to call the gateway from code. */
import { CopyButton } from "../../parts/code";
import { ModelPicker } from "../../parts/model-picker";
import { Panel } from "../../parts/page";
import { Snippets } from "../../parts/snippets";
import { query, setQuery } from "../../state/router";
import { text } from "../../text";
import { useModels } from "./models";

const SAMPLES: Record<string, { path: string; body: (model: string) => Record<string, unknown> }> = {
  chat: { path: "/v1/chat/completions", body: (model) => ({ model, messages: [{ role: "user", content: "What is a chute?" }] }) },
  embedding: { path: "/v1/embeddings", body: (model) => ({ model, input: ["a small dog", "a little hound"] }) },
  transcription: { path: "/v1/audio/transcriptions", body: (model) => ({ model, file_name: "speech.wav", file_b64: "UklGR…" }) },
  ocr: { path: "/v1/ocr", body: (model) => ({ model, image_url: "https://example.com/page.png" }) },
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
        {sample && <Snippets path={sample.path} body={sample.body(chosen?.id ?? "chat")} />}
      </Panel>
    </div>
  );
}
