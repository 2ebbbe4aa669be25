/** Embeddings of a few texts, and how alike they are. */
import { useState } from "preact/hooks";
import { isAbort } from "../../api/errors";
import { type EmbeddingReply, post, routeFacts, type RouteFacts } from "../../api/inference";
import { download, toCsv } from "../../format/csv";
import { Button } from "../../parts/button";
import { CopyButton } from "../../parts/code";
import { AreaField } from "../../parts/field";
import { Panel } from "../../parts/page";
import { Empty, ErrorPanel, Loading } from "../../parts/states";
import { apiKey } from "../../state/access";
import { text } from "../../text";
import { ChosenModel, useChosenModel } from "./chosen-model";
import { Facts } from "./facts";
import { similarities } from "./similarity";

interface Result {
  texts: string[];
  reply: EmbeddingReply;
  route: RouteFacts;
  total: number;
}

export function Embeddings() {
  const words = text.playground.embeddings;
  const [model, setModel] = useChosenModel("embedding");
  const [typed, setTyped] = useState(words.sample);
  const [state, setState] = useState<{ busy: boolean; result?: Result; error?: unknown }>({ busy: false });
  const texts = typed.split("\n").map((line) => line.trim()).filter(Boolean);

  const run = async () => {
    setState({ busy: true });
    const started = performance.now();
    try {
      const reply = await post("/v1/embeddings", { model, input: texts }, { key: apiKey.value });
      const body = (await reply.json()) as EmbeddingReply;
      setState({ busy: false, result: { texts, reply: body, route: routeFacts(reply), total: performance.now() - started } });
    } catch (error) {
      if (!isAbort(error)) setState({ busy: false, error });
    }
  };
  return (
    <div class="workbench">
      <form class="panel form" onSubmit={(event) => { event.preventDefault(); void run(); }}>
        <ChosenModel type="embedding" value={model} onChange={setModel} />
        <AreaField label={words.input} rows={8} value={typed} onInput={setTyped} error={texts.length ? undefined : words.needsTwo} />
        <div><Button type="submit" kind="primary" icon="grid" busy={state.busy} disabled={!model || texts.length === 0}>{words.run}</Button></div>
      </form>
      <div class="stack">
        {state.busy && <Panel><Loading rows={6} /></Panel>}
        {state.error !== undefined && <ErrorPanel error={state.error} retry={() => void run()} />}
        {state.result && <Matrix result={state.result} />}
        {!state.busy && !state.result && state.error === undefined && <Panel><Empty icon="grid" title={words.emptyTitle}>{words.emptyLead}</Empty></Panel>}
      </div>
    </div>
  );
}

function Matrix({ result }: { result: Result }) {
  const words = text.playground.embeddings;
  const vectors = result.reply.data.map((one) => one.embedding);
  const matrix = similarities(vectors);
  const save = () => download("similarity.csv", toCsv(["", ...result.texts], matrix.map((row, n) => [result.texts[n] ?? "", ...row])), "text/csv");
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
              {result.texts.map((one, n) => <th key={n} scope="col" title={one}>{n + 1}</th>)}
            </tr>
          </thead>
          <tbody>
            {matrix.map((row, n) => (
              <tr key={n}>
                <th scope="row" title={result.texts[n]}><span>{n + 1}</span>{result.texts[n]}</th>
                {row.map((value, m) => (
                  <td key={m} style={{ "--share": Math.max(0, value).toFixed(3) }} class={value > 0.62 ? "strong" : ""}>{value.toFixed(2)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="faint">{words.vectors(vectors.length, vectors[0]?.length ?? 0)}</p>
      <Facts total={result.total} usage={result.reply.usage ?? null} route={result.route} />
    </Panel>
  );
}
