/** One request: its attempts in time, why this route, usage and cost, the same as code, replay. */
import { useState } from "preact/hooks";
import { dryRun, explain } from "../../api/explain";
import { ApiError } from "../../api/errors";
import type { RequestDetail } from "../../api/types";
import { readRequest, type Root } from "../../api/usage";
import { count, dollars, duration } from "../../format/numbers";
import { endpointOf } from "../../format/samples";
import { pretty } from "../../format/json";
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
import { Candidates } from "../models/candidates";
import { Elapsed, type LiveRow, StatusOf } from "./columns";
import { Refusal } from "./refusal";
import { replayAddress, sampleOfRequest, storedBody } from "./replay";
import { Timeline } from "./timeline";

/** A request that runs is shown as far as it came, and read when it has ended. */
export function Detail({ id, root, running, onClose }: { id: string; root: Root; running: LiveRow | undefined; onClose: () => void }) {
  const words = text.requests.detail;
  const found = useResource(running ? null : id, (signal) => readRequest(root, id, signal));
  return (
    <Dialog
      title={running?.model ?? found.data?.model ?? words.title}
      width="drawer"
      named
      onClose={onClose}
      footer={found.data && replayAddress(found.data) && <Button kind="primary" icon="playground" onClick={() => navigate(replayAddress(found.data as RequestDetail) ?? "/playground")}>{words.replay}</Button>}
    >
      {running ? <Body request={running} root={root} begun={running.begun} /> : <Await of={found}>{(request) => <Body request={request} root={root} />}</Await>}
    </Dialog>
  );
}

function Body({ request, root, begun }: { request: RequestDetail; root: Root; begun?: number | undefined }) {
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
      <Refusal request={request} root={root} />
      <h3>{words.timeline}</h3>
      <Timeline request={request} />
      <h3>{words.usage}</h3>
      <dl class="facts two-columns">
        <dt>{columns.latency}</dt><dd>{begun === undefined ? duration(request.latency_ms) : <Elapsed begun={begun} />}</dd>
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
        {why && (root === "/api/admin" ? <WhyAsked request={request} /> : <NeedsKey><Why request={request} /></NeedsKey>)}
      </details>
      <details>
        <summary>{words.code}</summary>
        {!request.request_body && <p class="faint">{words.codeLead}</p>}
        <Snippets {...sampleOfRequest(request)} />
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

/** As the key that asked, with the whole request where it was stored. A key that is gone is stood in for by the master key. */
function WhyAsked({ request }: { request: RequestDetail }) {
  const words = text.requests.detail;
  const { path } = endpointOf(request.operation);
  const key = request.key_id === "master" ? "" : request.key_id;
  const found = useResource(request.request_id, async (signal) => {
    const body = { ...storedBody(request), model: request.model, path };
    try {
      return await dryRun(body, key, signal);
    } catch (error) {
      if (!(error instanceof ApiError && error.param === "key_id")) throw error;
      return dryRun(body, "", signal);
    }
  });
  return (
    <Await of={found} rows={3}>
      {(explanation) => (
        <>
          <p>{text.models.dryRun.summary(explanation.route, explanation.policy)}{!request.request_body && <span class="faint"> {words.routeUnstored}</span>}</p>
          {explanation.refused && <p class="bad-text">{explanation.refused.message}</p>}
          <Candidates rows={explanation.candidates} onChange={found.reload} />
        </>
      )}
    </Await>
  );
}

function Why({ request }: { request: RequestDetail }) {
  const found = useResource(`${request.request_id} ${apiKey.value}`, (signal) => explain({ model: request.model, path: endpointOf(request.operation).path }, apiKey.value, signal));
  return <Await of={found} rows={3}>{(explanation) => <Candidates rows={explanation.candidates} />}</Await>;
}
