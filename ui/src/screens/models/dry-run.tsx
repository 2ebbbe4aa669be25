/** Where a request would go now: every target with its state and the reason. */
import { useState } from "preact/hooks";
import { ask, params } from "../../api/client";
import { type Candidate, explain } from "../../api/explain";
import { decimal, duration, price } from "../../format/numbers";
import { Badge, Status, type Tone } from "../../parts/badge";
import { Button } from "../../parts/button";
import { AreaField, SelectField } from "../../parts/field";
import { Await } from "../../parts/states";
import { apiKey } from "../../state/access";
import { useResource } from "../../state/resource";
import { complain } from "../../state/toasts";
import { text } from "../../text";

const ENDPOINTS: Record<string, string> = {
  chat: "/v1/chat/completions",
  embedding: "/v1/embeddings",
  transcription: "/v1/audio/transcriptions",
  ocr: "/v1/ocr",
};

export function DryRun({ model, type }: { model: string; type: string }) {
  const words = text.models.dryRun;
  const [path, setPath] = useState(ENDPOINTS[type] ?? "/v1/chat/completions");
  const [typed, setTyped] = useState(JSON.stringify({ messages: [{ role: "user", content: "Hello" }] }, null, 2));
  const [asked, setAsked] = useState({ path, typed });
  const body = parse(typed);
  const found = useResource(JSON.stringify([model, asked, apiKey.value]), (signal) => explain({ ...parse(asked.typed), model, path: asked.path }, apiKey.value, signal));
  return (
    <div class="form">
      <p class="muted">{words.lead}</p>
      <form class="form" onSubmit={(event) => { event.preventDefault(); setAsked({ path, typed }); found.reload(); }}>
        <SelectField label={words.endpoint} value={path} options={Object.values(ENDPOINTS).map((value) => ({ value, label: value }))} onChange={setPath} />
        <AreaField label={words.body} mono rows={3} value={typed} onInput={setTyped} error={body === null ? words.broken : undefined} />
        <div><Button type="submit" kind="primary" icon="route" disabled={body === null}>{words.run}</Button></div>
      </form>
      <Await of={found} rows={3}>
        {(explanation) => (
          <>
            <p>{words.summary(explanation.route, explanation.policy)}</p>
            <Candidates rows={explanation.candidates} onReset={found.reload} />
          </>
        )}
      </Await>
    </div>
  );
}

function parse(typed: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(typed || "{}");
    return value && typeof value === "object" && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

export function Candidates({ rows, onReset }: { rows: Candidate[]; onReset?: () => void }) {
  const words = text.models.dryRun;
  const reset = async (row: Candidate) => {
    await ask(`/api/admin/targets/reset${params({ provider_id: row.provider, upstream_model: row.model })}`, { method: "POST" }).catch(complain);
    onReset?.();
  };
  return (
    <ol class="candidates">
      {rows.map((row) => (
        <li key={`${row.provider}/${row.model}`} class={row.rank === null ? "out" : ""}>
          <span class="rank">{row.rank ?? "–"}</span>
          <div class="grow">
            <div class="row spread">
              <code class="wrap">{row.provider}/{row.model}</code>
              {row.rank === null ? <Badge tone="bad">{words.leftOut}</Badge> : <Status tone={toneOf(row)}>{row.state}</Status>}
            </div>
            <p class="muted">{row.reason}{row.ready_in ? ` · ${words.wait(duration(row.ready_in * 1000))}` : ""}{onReset && (row.ready_in || row.failures > 0) ? <> <Button size="small" icon="refresh" onClick={() => void reset(row)}>{words.reset}</Button></> : null}</p>
            <dl class="answer-facts">
              <Fact name={text.models.form.priority} value={String(row.priority)} />
              <Fact name={text.models.form.weight} value={String(row.weight)} />
              <Fact name={words.latency} value={row.latency === null ? "–" : duration(row.latency * 1000)} />
              <Fact name={words.speed} value={decimal(row.speed, 0)} />
              <Fact name={words.price} value={price(row.price)} />
              <Fact name={words.flight} value={String(row.in_flight)} />
              <Fact name={words.calls} value={String(row.calls)} />
              <Fact name={words.failures} value={String(row.failures)} />
            </dl>
          </div>
        </li>
      ))}
    </ol>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return <div><dt>{name}</dt><dd>{value}</dd></div>;
}

function toneOf(row: Candidate): Tone {
  if (row.state === "closed" || row.state === "ready" || row.state === "healthy") return "ok";
  return row.ready_in ? "warn" : "ok";
}
