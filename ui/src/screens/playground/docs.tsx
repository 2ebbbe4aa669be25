/** How to call the gateway from code. */
import { sampleFor } from "../../format/samples";
import { CopyButton } from "../../parts/code";
import { ModelPicker } from "../../parts/model-picker";
import { Panel } from "../../parts/page";
import { Snippets } from "../../parts/snippets";
import { query, setQuery } from "../../state/router";
import { text } from "../../text";
import { useModels } from "./models";

export function Docs() {
  const words = text.playground.docs;
  const models = useModels();
  const base = `${window.location.origin}/v1`;
  const chosen = models.find((model) => model.id === query.value.get("model")) ?? models[0];
  const sample = sampleFor(chosen?.type, chosen?.id ?? "chat");
  return (
    <div class="stack">
      <Panel>
        <dl class="facts">
          <dt>{words.base}</dt>
          <dd class="row nowrap"><code class="truncate">{base}</code><CopyButton size="small" kind="ghost" content={base} /></dd>
          <dt>{words.reference}</dt>
          <dd><a href="/openapi.json" target="_blank" rel="noreferrer">/openapi.json</a></dd>
        </dl>
      </Panel>
      <Panel title={sample.path} note={words.lead} actions={<ModelPicker models={models} value={chosen?.id ?? ""} onChange={(id) => setQuery({ model: id })} />}>
        <Snippets {...sample} />
      </Panel>
    </div>
  );
}
