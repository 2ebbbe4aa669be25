/** One request: its attempts in time, why this route, usage and cost, the same as code, replay. */
import { useState } from "preact/hooks";
import { explain } from "../../api/explain";
import type { RequestDetail } from "../../api/types";
import { readRequest, type Root } from "../../api/usage";
import { count, dollars, duration } from "../../format/numbers";
import { exact } from "../../format/times";
import { Button } from "../../parts/button";
import { Code, CopyButton } from "../../parts/code";
import { Dialog } from "../../parts/dialog";
import { NeedsKey } from "../../parts/needs-key";
import { Snippets } from "../../parts/snippets";
import { Await } from "../../parts/states";
import { apiKey } from "../../state/access";
import { useResource } from "../../state/resource";
import { navigate } from "../../state/router";
import { text } from "../../text";
import { Candidates } from "../models/dry-run";
import { StatusOf } from "./columns";
import { bodyOf, PATHS, replayAddress } from "./replay";
import { Timeline } from "./timeline";

export function Detail({ id, root, onClose }: { id: string; root: Root; onClose: () => void }) {
  const words = text.requests.detail;
  const found = useResource(id, (signal) => readRequest(root, id, signal));
  return (
    <Dialog
      title={found.data?.model ?? words.title}
      width="drawer"
      onClose={onClose}
      footer={found.data && replayAddress(found.data) && <Button kind="primary" icon="playground" onClick={() => navigate(replayAddress(found.data as RequestDetail) ?? "/playground")}>{words.replay}</Button>}
    >
      <Await of={found}>{(request) => <Body request={request} />}</Await>
    </Dialog>
  );
}

function Body({ request }: { request: RequestDetail }) {
  const words = text.requests.detail;
  const columns = text.requests.columns;
  const [why, setWhy] = useState(false);
  return (
    <>
      <div class="row spread">
        <StatusOf row={request} />
        <span class="muted">{exact(request.at)}</span>
      </div>
      <div class="row nowrap"><code class="truncate">{request.request_id}</code><CopyButton size="small" kind="ghost" content={request.request_id} /></div>
      <h3>{words.timeline}</h3>
      <Timeline request={request} />
      <h3>{words.usage}</h3>
      <dl class="facts two-columns">
        <dt>{columns.latency}</dt><dd>{duration(request.latency_ms)}</dd>
        <dt>{columns.ttft}</dt><dd>{duration(request.ttft_ms)}</dd>
        <dt>{columns.overhead}</dt><dd>{duration(request.overhead_ms)}</dd>
        <dt>{columns.input}</dt><dd>{count(request.input_tokens)}{request.cached_tokens ? ` (${count(request.cached_tokens)} ${text.playground.facts.cached})` : ""}</dd>
        <dt>{columns.output}</dt><dd>{count(request.output_tokens)}</dd>
        <dt>{columns.cost}</dt><dd>{dollars(request.cost_usd)}</dd>
        <dt>{columns.key}</dt><dd>{request.key_name}</dd>
        <dt>{columns.operation}</dt><dd>{request.operation}</dd>
      </dl>
      <details onToggle={(event) => setWhy(event.currentTarget.open)}>
        <summary>{words.route}</summary>
        <p class="muted">{words.routeLead}</p>
        {why && <NeedsKey><Why request={request} /></NeedsKey>}
      </details>
      <details>
        <summary>{words.code}</summary>
        {!request.request_body && <p class="faint">{words.codeLead}</p>}
        <Snippets path={PATHS[request.operation] ?? "/v1/chat/completions"} body={bodyOf(request)} />
      </details>
      <details>
        <summary>{words.bodies}</summary>
        {request.request_body || request.response_body ? (
          <div class="stack tight">
            <h3>{words.request}</h3>
            <Code>{pretty(request.request_body)}</Code>
            <h3>{words.response}</h3>
            <Code>{pretty(request.response_body)}</Code>
          </div>
        ) : <p class="muted">{words.noBodies}</p>}
      </details>
    </>
  );
}

function Why({ request }: { request: RequestDetail }) {
  const found = useResource(`${request.request_id} ${apiKey.value}`, (signal) => explain({ model: request.model, path: PATHS[request.operation] ?? "/v1/chat/completions" }, apiKey.value, signal));
  return <Await of={found} rows={3}>{(explanation) => <Candidates rows={explanation.candidates} />}</Await>;
}

function pretty(body: string | null | undefined): string {
  if (!body) return "";
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
