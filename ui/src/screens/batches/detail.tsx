/** One batch: how far it is, whose it is, what went wrong, and its end before its time. */
import { Fragment } from "preact";
import { useState } from "preact/hooks";
import { cancelBatch, readBatch } from "../../api/batches";
import type { BatchDetail } from "../../api/types";
import { bytes, count } from "../../format/numbers";
import { exact } from "../../format/times";
import { Button } from "../../parts/button";
import { CopyButton } from "../../parts/code";
import { Confirm, Dialog } from "../../parts/dialog";
import { Await } from "../../parts/states";
import { useEvery, useResource } from "../../state/resource";
import { href } from "../../state/router";
import { complain, say } from "../../state/toasts";
import { text } from "../../text";
import { OPEN, pace, Progress, StatusOf } from "./progress";

export function Detail({ id, onChange, onClose }: { id: string; onChange: () => void; onClose: () => void }) {
  const words = text.batches;
  const found = useResource(id, (signal) => readBatch(id, signal));
  const [asks, setAsks] = useState(false);
  const [busy, setBusy] = useState(false);
  const batch = found.data;
  useEvery(batch && OPEN.includes(batch.status) ? pace(true) : 0, found.reload);
  const cancel = async () => {
    setBusy(true);
    try {
      found.set(await cancelBatch(id));
      say(words.cancelled);
    } catch (error) {
      complain(error);
      found.reload();
    }
    setBusy(false);
    setAsks(false);
    onChange();
  };
  const stops = batch?.status === "validating" || batch?.status === "in_progress";
  return (
    <Dialog title={batch ? words.of(batch.key_name || batch.key_id) : words.title} width="drawer" named onClose={onClose} footer={stops && <Button kind="danger" icon="stop" onClick={() => setAsks(true)}>{words.cancel}</Button>}>
      <Await of={found}>{(row) => <Body batch={row} />}</Await>
      {asks && batch && (
        <Confirm title={words.cancelTitle} action={words.cancel} stay={words.stay} busy={busy} onConfirm={() => void cancel()} onClose={() => setAsks(false)}>
          <p>{words.cancelLead(batch.request_counts.total ? count(batch.request_counts.total - batch.request_counts.completed - batch.request_counts.failed) : text.common.all)}</p>
        </Confirm>
      )}
    </Dialog>
  );
}

function Body({ batch }: { batch: BatchDetail }) {
  const words = text.batches;
  const columns = words.columns;
  return (
    <>
      <div class="row spread"><StatusOf row={batch} /><span class="muted">{exact(batch.created_at)}</span></div>
      <div class="row nowrap"><code class="truncate">{batch.id}</code><CopyButton size="small" kind="ghost" content={batch.id} /></div>
      <Progress row={batch} />
      <dl class="facts">
        <dt>{columns.key}</dt><dd>{batch.key_name || batch.key_id} · <a href={href(`/requests?key_id=${encodeURIComponent(batch.key_id)}`)}>{words.toRequests}</a></dd>
        {batch.username && <><dt>{columns.user}</dt><dd>{batch.username}</dd></>}
        <dt>{columns.endpoint}</dt><dd>{batch.endpoint}</dd>
        <dt>{columns.models}</dt><dd>{batch.models.join(", ") || "–"}</dd>
        <dt>{columns.size}</dt><dd>{bytes(batch.input_bytes)}</dd>
        <dt>{columns.finished}</dt><dd>{exact(batch.finished_at)}</dd>
        <dt>{columns.expires}</dt><dd>{exact(batch.expires_at)}</dd>
        <dt>{columns.kept}</dt><dd>{exact(batch.kept_until)}</dd>
        {Object.entries(batch.metadata).map(([name, value]) => <Fragment key={name}><dt>{name}</dt><dd>{value}</dd></Fragment>)}
      </dl>
      {batch.errors.length > 0 && (
        <section class="stack tight">
          <h3>{words.problems}</h3>
          <ul class="history">
            {batch.errors.map((one, n) => <li key={n}>{one.line !== null && <b>{words.line(one.line, one.param)}: </b>}{one.message}</li>)}
          </ul>
        </section>
      )}
      {batch.failures.length > 0 && (
        <section class="stack tight">
          <h3>{words.failures}</h3>
          {batch.failures.length < batch.request_counts.failed && <p class="muted">{words.someFailures(batch.failures.length, count(batch.request_counts.failed))}</p>}
          <ul class="history">
            {batch.failures.map((one) => (
              <li key={one.custom_id}>
                <b>{one.custom_id}</b> <span class="bad-text">{one.status ?? words.never} {one.code}</span> {one.message}
                {one.request_id && <> <a aria-label={`${words.toRequest}: ${one.custom_id}`} href={href(`/requests?open=${encodeURIComponent(one.request_id)}`)}>{words.toRequest}</a></>}
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}
