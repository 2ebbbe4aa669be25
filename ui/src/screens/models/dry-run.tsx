/** Where a request would go now, as any key: every target with its state, its score and the reason. Nobody is asked. */
import { useState } from "preact/hooks";
import { apiKeys } from "../../api/collection";
import { dryRun, type Explanation } from "../../api/explain";
import { duration } from "../../format/numbers";
import { Button } from "../../parts/button";
import { AreaField, SelectField, Switch, TextField } from "../../parts/field";
import { Await } from "../../parts/states";
import { Segments } from "../../parts/tabs";
import { useLive } from "../../state/live";
import { useResource } from "../../state/resource";
import { text } from "../../text";
import { Candidates } from "./candidates";
import { bodyOfTyped, ENDPOINTS, parseBody, type Typed } from "./typed-request";

interface Asked {
  path: string;
  body: Record<string, unknown>;
  key: string;
}

export function DryRun({ model, type }: { model: string; type: string }) {
  const words = text.models.dryRun;
  const [path, setPath] = useState(ENDPOINTS[type] ?? "/v1/chat/completions");
  const [key, setKey] = useState("");
  const [typed, setTyped] = useState<Typed>({ text: words.example, image: false, tools: false, schema: false, maxTokens: "" });
  const [raw, setRaw] = useState<string | null>(null);
  const keys = useResource("apikeys", apiKeys.all);
  const body = raw === null ? bodyOfTyped(typed, path) : parseBody(raw);
  const [asked, setAsked] = useState<Asked>({ path, body: body ?? {}, key });
  const found = useResource(JSON.stringify([model, asked]), (signal) => dryRun({ ...asked.body, model, path: asked.path }, asked.key, signal));
  useLive("changed", found.reload);
  const run = () => {
    if (body === null) return;
    setAsked({ path, body, key });
    found.reload();
  };
  return (
    <div class="form">
      <p class="muted">{words.lead}</p>
      <form class="form" onSubmit={(event) => { event.preventDefault(); run(); }}>
        <div class="two">
          <SelectField label={words.endpoint} value={path} options={Object.values(ENDPOINTS).map((value) => ({ value, label: value }))} onChange={setPath} />
          <SelectField label={words.asKey} value={key} options={[{ value: "", label: words.masterKey }, ...(keys.data ?? []).filter((one) => one.id !== "master").map((one) => ({ value: one.id, label: one.name }))]} onChange={setKey} />
        </div>
        <div class="row spread">
          <span class="label">{words.body}</span>
          <Segments label={words.body} value={raw === null ? "form" : "json"} options={[{ value: "form", label: words.asForm }, { value: "json", label: words.asJson }]} onChange={(to) => setRaw(to === "json" ? JSON.stringify(bodyOfTyped(typed, path), null, 2) : null)} />
        </div>
        {raw === null
          ? <Fields typed={typed} isChat={path === ENDPOINTS.chat} onChange={(part) => setTyped((old) => ({ ...old, ...part }))} />
          : <AreaField label={words.asJson} mono rows={10} value={raw} onInput={setRaw} error={body === null ? words.broken : undefined} />}
        <div><Button type="submit" kind="primary" icon="route" disabled={body === null}>{words.run}</Button></div>
      </form>
      <Await of={found} rows={3}>{(explanation) => <Answer explanation={explanation} onChange={found.reload} />}</Await>
    </div>
  );
}

function Fields({ typed, isChat, onChange }: { typed: Typed; isChat: boolean; onChange: (part: Partial<Typed>) => void }) {
  const words = text.models.dryRun;
  return (
    <>
      <AreaField label={words.message} rows={2} value={typed.text} onInput={(value) => onChange({ text: value })} />
      {isChat && (
        <div class="row wide-gap">
          <Switch label={words.image} checked={typed.image} onChange={(image) => onChange({ image })} />
          <Switch label={words.tools} checked={typed.tools} onChange={(tools) => onChange({ tools })} />
          <Switch label={words.schema} checked={typed.schema} onChange={(schema) => onChange({ schema })} />
          <span class="short"><TextField label={words.maxTokens} type="number" min={1} value={typed.maxTokens} onInput={(maxTokens) => onChange({ maxTokens })} /></span>
        </div>
      )}
    </>
  );
}

function Answer({ explanation, onChange }: { explanation: Explanation; onChange: () => void }) {
  const words = text.models.dryRun;
  const taken = explanation.candidates.find((one) => one.taken);
  return (
    <>
      {explanation.refused
        ? <div class="failed" role="status"><div><strong>{words.refused(explanation.refused.status, explanation.refused.code ?? "")}</strong><p>{explanation.refused.message}</p></div></div>
        : <p role="status">{words.summary(explanation.route, explanation.policy)} {taken && <>{taken.ready_in ? words.waitsFor(duration(taken.ready_in * 1000)) : words.goesTo} <code>{taken.provider}/{taken.model}</code>.</>}</p>}
      <Candidates rows={explanation.candidates} onChange={onChange} />
    </>
  );
}
