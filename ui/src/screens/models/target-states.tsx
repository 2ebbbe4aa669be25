/** How the targets of a route are now: breaker, rest, speed, as routing sees them; drained and let in again here. */
import type { ModelEntry, TargetNow } from "../../api/types";
import { actOnTarget, readTargets, type TargetAction } from "../../api/targets";
import { decimal, duration } from "../../format/numbers";
import { Status, type Tone } from "../../parts/badge";
import { Button } from "../../parts/button";
import { Await } from "../../parts/states";
import { useLive } from "../../state/live";
import { useEvery, useResource } from "../../state/resource";
import { complain, say } from "../../state/toasts";
import { text } from "../../text";

const REFRESH = 3000;

/** Every target of the model, asked or not. */
export function TargetStates({ entry }: { entry: ModelEntry }) {
  const words = text.models.states;
  const all = useResource("targets", readTargets);
  useEvery(REFRESH, all.reload);
  useLive("changed", all.reload);
  return (
    <section class="stack tight">
      <h3>{words.title}</h3>
      <Await of={all} rows={2}>
        {({ data }) => <TargetList targets={entry.targets.map((target) => data.find((row) => row.provider_id === target.provider_id && row.upstream_model === target.upstream_model) ?? unasked(target.provider_id, target.upstream_model))} onChange={all.reload} />}
      </Await>
    </section>
  );
}

function unasked(provider_id: string, upstream_model: string): TargetNow {
  return { provider_id, upstream_model, state: "closed", ready_in: 0, in_flight: 0, calls: 0, failures: 0, latency: null, speed: null, last_error: "", drained: false };
}

export function TargetList({ targets, onChange }: { targets: TargetNow[]; onChange: () => void }) {
  const words = text.models.states;
  return (
    <ul class="history">
      {targets.map((row) => (
        <li key={`${row.provider_id}/${row.upstream_model}`} class="target-now">
          <span class="stack tight">
            <code class="wrap">{row.provider_id}/{row.upstream_model}</code>
            <small>
              {row.calls === 0 ? words.unasked : words.figures(row.calls, row.failures, duration(row.latency === null ? null : row.latency * 1000), decimal(row.speed, 0))}
              {row.in_flight > 0 && ` · ${words.running(row.in_flight)}`}
              {row.last_error && ` · ${words.lastError(row.last_error)}`}
            </small>
          </span>
          <span class="row">
            <Status tone={toneOf(row)} title={row.last_error}>{row.drained ? words.drained : (words.names[row.state] ?? row.state)}{row.ready_in > 0 && !row.drained && <small>{text.models.dryRun.wait(duration(row.ready_in * 1000))}</small>}</Status>
            <TargetButtons row={row} onChange={onChange} />
          </span>
        </li>
      ))}
    </ul>
  );
}

interface Held {
  provider_id: string;
  upstream_model: string;
  drained: boolean;
  ready_in: number | null;
  failures: number;
}

export function TargetButtons({ row, onChange }: { row: Held; onChange: () => void }) {
  const words = text.models.states;
  const act = async (action: TargetAction) => {
    const name = `${row.provider_id}/${row.upstream_model}`;
    const undo = action === "reset" ? undefined : { label: text.common.undo, run: () => void act(action === "drain" ? "resume" : "drain") };
    await actOnTarget(action, row.provider_id, row.upstream_model).then(() => say(words.done[action](name), undo), complain);
    onChange();
  };
  return (
    <>
      {!row.drained && (row.ready_in || row.failures > 0) ? <Button size="small" icon="refresh" onClick={() => void act("reset")}>{text.models.dryRun.reset}</Button> : null}
      <Button size="small" icon={row.drained ? "play" : "stop"} onClick={() => void act(row.drained ? "resume" : "drain")}>{row.drained ? words.resume : words.drain}</Button>
    </>
  );
}

export function toneOf(row: { drained: boolean; ready_in: number | null; state: string }): Tone {
  if (row.drained) return "quiet";
  return row.ready_in || row.state === "ramping" ? "warn" : "ok";
}
