/** How the targets of a route are now: breaker, rest, speed, as routing sees them. */
import { ask, params } from "../../api/client";
import type { ModelEntry, TargetNow } from "../../api/types";
import { decimal, duration } from "../../format/numbers";
import { Status } from "../../parts/badge";
import { Button } from "../../parts/button";
import { Await } from "../../parts/states";
import { useEvery, useResource } from "../../state/resource";
import { complain, say } from "../../state/toasts";
import { text } from "../../text";

const REFRESH = 3000;

export function TargetStates({ entry }: { entry: ModelEntry }) {
  const words = text.models.states;
  const all = useResource("targets", (signal) => ask<{ data: TargetNow[] }>("/api/admin/targets", { signal }));
  useEvery(REFRESH, all.reload);
  const reset = async (row: TargetNow) => {
    await ask(`/api/admin/targets/reset${params({ provider_id: row.provider_id, upstream_model: row.upstream_model })}`, { method: "POST" }).then(() => say(words.done), complain);
    all.reload();
  };
  return (
    <section class="stack tight">
      <h3>{words.title}</h3>
      <Await of={all} rows={2}>
        {({ data }) => {
          const own = data.filter((row) => entry.targets.some((target) => target.provider_id === row.provider_id && target.upstream_model === row.upstream_model));
          if (own.length === 0) return <p class="muted">{words.none}</p>;
          return (
            <ul class="history">
              {own.map((row) => (
                <li key={`${row.provider_id}/${row.upstream_model}`} class="row spread">
                  <span class="stack tight">
                    <code class="wrap">{row.provider_id}/{row.upstream_model}</code>
                    <small>{words.figures(row.calls, row.failures, duration(row.latency === null ? null : row.latency * 1000), decimal(row.speed, 0))}</small>
                  </span>
                  <span class="row">
                    <Status tone={row.ready_in > 0 ? "warn" : "ok"} title={row.last_error}>{row.state}{row.ready_in > 0 && <small>{text.models.dryRun.wait(duration(row.ready_in * 1000))}</small>}</Status>
                    {(row.ready_in > 0 || row.failures > 0) && <Button size="small" icon="refresh" onClick={() => void reset(row)}>{text.models.dryRun.reset}</Button>}
                  </span>
                </li>
              ))}
            </ul>
          );
        }}
      </Await>
    </section>
  );
}
