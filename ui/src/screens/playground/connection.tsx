/** "Test connection": is the key good, and which of its models work? */
import { useRef, useState } from "preact/hooks";
import { isAbort, messageOf } from "../../api/errors";
import { listModels, type Model, post } from "../../api/inference";
import { count, duration } from "../../format/numbers";
import { Badge } from "../../parts/badge";
import { Button } from "../../parts/button";
import { Dialog } from "../../parts/dialog";
import { Icon } from "../../parts/icon";
import { ErrorPanel, Loading } from "../../parts/states";
import { apiKey } from "../../state/access";
import { useResource } from "../../state/resource";
import { text } from "../../text";

type Verdict = { state: "asking" } | { state: "ok"; ms: number } | { state: "failed"; why: string };

export function Connection({ onClose }: { onClose: () => void }) {
  const words = text.playground.test;
  const reached = useResource(apiKey.value, async (signal) => {
    const started = performance.now();
    const models = await listModels(apiKey.value, signal);
    return { models, ms: performance.now() - started };
  });
  return (
    <Dialog title={words.title} onClose={onClose} width="normal">
      {reached.error !== undefined && <ErrorPanel error={reached.error} retry={reached.reload} />}
      {reached.data === undefined && reached.error === undefined && <Loading rows={2} />}
      {reached.data && (
        <>
          <div class={reached.data.models.length ? "hint" : "hint warn"} role="status">
            <Icon name={reached.data.models.length ? "check" : "warn"} />
            <div>{reached.data.models.length ? words.works(reached.data.models.length, duration(reached.data.ms)) : words.none}</div>
          </div>
          <Checks models={reached.data.models} />
        </>
      )}
    </Dialog>
  );
}

function Checks({ models }: { models: Model[] }) {
  const words = text.playground.test;
  const [verdicts, setVerdicts] = useState<Record<string, Verdict>>({});
  const [abort, setAbort] = useState<AbortController | null>(null);
  const chats = models.filter((model) => model.type === "chat");
  const latest = useRef(verdicts);
  const tell = (id: string, verdict: Verdict) => {
    latest.current = { ...latest.current, [id]: verdict };
    setVerdicts(latest.current);
  };
  const checkAll = async () => {
    const control = new AbortController();
    setAbort(control);
    for (const model of chats) {
      if (control.signal.aborted) break;
      tell(model.id, { state: "asking" });
      const verdict = await check(model.id, control.signal);
      if (verdict) tell(model.id, verdict);
    }
    setAbort(null);
  };
  if (models.length === 0) return null;
  return (
    <>
      <div class="row spread">
        <p class="muted grow">{words.lead}</p>
        {abort ? <Button icon="stop" onClick={() => abort.abort()}>{words.stop}</Button> : <Button icon="play" disabled={chats.length === 0} onClick={() => void checkAll()}>{words.checkAll(chats.length)}</Button>}
      </div>
      <div class="table-box plain" tabIndex={0} role="region" aria-label={words.title}>
        <table class="table">
          <thead><tr><th scope="col">{words.model}</th><th scope="col">{words.result}</th><th scope="col" class="numeric">{words.time}</th></tr></thead>
          <tbody>
            {models.slice(0, 500).map((model) => (
              <tr key={model.id}>
                <td>{model.id}</td>
                <Result model={model} verdict={verdicts[model.id]} />
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Result({ model, verdict }: { model: Model; verdict: Verdict | undefined }) {
  const words = text.playground.test;
  const label = verdict === undefined ? <span class="faint">{model.type === "chat" ? words.waiting : words.notChat}</span>
    : verdict.state === "asking" ? words.asking
    : verdict.state === "ok" ? <Badge tone="ok">✓ {words.ok}</Badge>
    : <span class="bad-text" title={verdict.why}>{verdict.why}</span>;
  return (
    <>
      <td>{label}</td>
      <td class="numeric">{verdict?.state === "ok" ? `${count(verdict.ms)} ms` : ""}</td>
    </>
  );
}

async function check(model: string, signal: AbortSignal): Promise<Verdict | null> {
  const started = performance.now();
  try {
    await post("/v1/chat/completions", { model, messages: [{ role: "user", content: "Hi" }], max_tokens: 1 }, { key: apiKey.value, signal });
    return { state: "ok", ms: performance.now() - started };
  } catch (error) {
    return isAbort(error) ? null : { state: "failed", why: messageOf(error) };
  }
}
