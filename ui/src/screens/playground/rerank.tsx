/** Documents in the order in which they answer a question. */
import { readJson } from "../../api/client";
import type { RerankReply } from "../../api/inference";
import { download, toCsv } from "../../format/csv";
import { fromLines } from "../../format/lines";
import { decimal } from "../../format/numbers";
import { Button } from "../../parts/button";
import { AreaField, TextField } from "../../parts/field";
import { Panel } from "../../parts/page";
import { text } from "../../text";
import { type Answered, useAsking } from "./asking";
import { useChosenModel } from "./chosen-model";
import { Facts } from "./facts";
import { useTyped } from "./typed";
import { Workbench } from "./workbench";

const PATH = "/v1/rerank";

interface Ranked {
  documents: string[];
  reply: RerankReply;
}

export function Rerank() {
  const words = text.playground.rerank;
  const [model, setModel] = useChosenModel("rerank");
  const [question, setQuestion] = useTyped("rerank.query", words.sampleQuery);
  const [typed, setTyped] = useTyped("rerank.documents", words.sampleDocuments);
  const [top, setTop] = useTyped("rerank.top");
  const asking = useAsking<Ranked>(PATH);
  const documents = fromLines(typed);
  const body = { model, query: question.trim(), documents, ...(top ? { top_n: Number(top) } : {}) };
  return (
    <Workbench
      type="rerank" icon="rank" words={words} action={words.run} model={model} onModel={setModel} asking={asking}
      ready={body.query !== "" && documents.length > 0} sample={{ path: PATH, body }}
      onAsk={() => void asking.ask(body, async (reply) => ({ documents, reply: await readJson<RerankReply>(reply) }))}
      fields={
        <>
          <TextField label={words.query} value={question} onInput={setQuestion} />
          <AreaField label={words.documents} rows={7} value={typed} onInput={setTyped} error={documents.length ? undefined : words.needsOne} />
          <TextField label={words.top} optional type="number" min={1} step={1} value={top} placeholder={text.common.all} onInput={setTop} />
        </>
      }
    >
      {(answer) => <Ranking answer={answer} />}
    </Workbench>
  );
}

function Ranking({ answer }: { answer: Answered<Ranked> }) {
  const words = text.playground.rerank;
  const { documents, reply } = answer.value;
  const rows = reply.results.map((one) => ({ ...one, text: documents[one.index] ?? "" }));
  const scores = rows.map((row) => row.relevance_score);
  const [low, high] = [Math.min(0, ...scores), Math.max(...scores, 0.000001)];
  const save = () => download("ranking.csv", toCsv([words.rank, words.score, words.line, words.document], rows.map((row, n) => [n + 1, row.relevance_score, row.index + 1, row.text])), "text/csv");
  return (
    <Panel title={words.title} note={words.note} actions={<Button kind="ghost" size="small" icon="download" label={text.table.csv} onClick={save} />}>
      <div class="table-box plain" tabIndex={0} role="region" aria-label={words.title}>
        <table class="table ranking">
          <thead>
            <tr><th scope="col" class="numeric">{words.rank}</th><th scope="col">{words.document}</th><th scope="col" class="numeric">{words.line}</th><th scope="col" class="numeric">{words.score}</th></tr>
          </thead>
          <tbody>
            {rows.map((row, n) => (
              <tr key={row.index}>
                <td class="numeric">{n + 1}</td>
                <td>
                  <p>{row.text}</p>
                  <span class="share" aria-hidden="true" style={{ "--share": ((row.relevance_score - low) / (high - low)).toFixed(3) }} />
                </td>
                <td class="numeric">{row.index + 1}</td>
                <td class="numeric">{decimal(row.relevance_score, 4)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Facts total={answer.total} usage={reply.usage ?? null} route={answer.route} />
    </Panel>
  );
}
