/** Embeddings of a few texts, and how alike they are. */
import { readJson } from "../../api/client";
import type { EmbeddingReply } from "../../api/inference";
import { download, toCsv } from "../../format/csv";
import { fromLines } from "../../format/lines";
import { Button } from "../../parts/button";
import { CopyButton } from "../../parts/code";
import { AreaField } from "../../parts/field";
import { Panel } from "../../parts/page";
import { text } from "../../text";
import { type Answered, useAsking } from "./asking";
import { useChosenModel } from "./chosen-model";
import { Facts } from "./facts";
import { similarities } from "./similarity";
import { useTyped } from "./typed";
import { Workbench } from "./workbench";

const PATH = "/v1/embeddings";

interface Embedded {
  texts: string[];
  reply: EmbeddingReply;
}

export function Embeddings() {
  const words = text.playground.embeddings;
  const [model, setModel] = useChosenModel("embedding");
  const [typed, setTyped] = useTyped("embeddings.input", words.sample);
  const asking = useAsking<Embedded>(PATH);
  const texts = fromLines(typed);
  const body = { model, input: texts };
  return (
    <Workbench
      type="embedding" icon="grid" words={words} action={words.run} model={model} onModel={setModel} asking={asking}
      ready={texts.length > 0} sample={{ path: PATH, body }}
      onAsk={() => void asking.ask(body, async (reply) => ({ texts, reply: await readJson<EmbeddingReply>(reply) }))}
      fields={<AreaField label={words.input} rows={8} value={typed} onInput={setTyped} error={texts.length ? undefined : words.needsTwo} />}
    >
      {(answer) => <Matrix answer={answer} />}
    </Workbench>
  );
}

function Matrix({ answer }: { answer: Answered<Embedded> }) {
  const words = text.playground.embeddings;
  const { texts, reply } = answer.value;
  const vectors = reply.data.map((one) => one.embedding);
  const matrix = similarities(vectors);
  const save = () => download("similarity.csv", toCsv(["", ...texts], matrix.map((row, n) => [texts[n] ?? "", ...row])), "text/csv");
  return (
    <Panel
      title={words.matrix}
      note={words.matrixNote}
      actions={
        <>
          <Button kind="ghost" size="small" icon="download" label={text.table.csv} onClick={save} />
          <CopyButton kind="ghost" size="small" label={words.copyVectors} content={() => JSON.stringify(vectors)} />
        </>
      }
    >
      <div class="matrix-box" tabIndex={0} role="region" aria-label={words.matrix}>
        <table class="matrix">
          <thead>
            <tr>
              <td />
              {texts.map((one, n) => <th key={n} scope="col" title={one}>{n + 1}</th>)}
            </tr>
          </thead>
          <tbody>
            {matrix.map((row, n) => (
              <tr key={n}>
                <th scope="row" title={texts[n]}><span>{n + 1}</span>{texts[n]}</th>
                {row.map((value, m) => (
                  <td key={m} style={{ "--share": Math.max(0, value).toFixed(3) }} class={value > 0.62 ? "strong" : ""}>{value.toFixed(2)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="faint">{words.vectors(vectors.length, vectors[0]?.length ?? 0)}</p>
      <Facts total={answer.total} usage={reply.usage ?? null} route={answer.route} />
    </Panel>
  );
}
