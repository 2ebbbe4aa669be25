/** The first line of the overview: gateway, local engines, providers, how they are now. */
import { useEffect } from "preact/hooks";
import { ask } from "../../api/client";
import { count, span } from "../../format/numbers";
import { Badge, Status, type Tone } from "../../parts/badge";
import { Meter } from "../../parts/badge";
import { Await } from "../../parts/states";
import { type EngineNow, type Status as Now, status } from "../../state/live";
import { useResource } from "../../state/resource";
import { href } from "../../state/router";
import { text } from "../../text";

export interface OverviewNow extends Now {
  version: string;
  started_at: number;
  revision: number;
  storage: { kind: string; notes: string[] };
  listening_pages: number;
}

const TONES: Record<string, Tone> = { healthy: "ok", degraded: "warn", unhealthy: "bad", ready: "ok", loading: "warn", draining: "warn", failed: "bad", stopped: "quiet", enabled: "ok", resting: "warn", disabled: "quiet" };

export function toneOf(state: string): Tone {
  return TONES[state] ?? "quiet";
}

export function StatusLine() {
  const now = useResource("overview", (signal) => ask<OverviewNow>("/api/admin/overview", { signal }));
  useEffect(() => {
    if (now.data) status.value = now.data;
  }, [now.data]);
  return <Await of={now} rows={1}>{(found) => <Line now={{ ...found, ...status.value }} />}</Await>;
}

function Line({ now }: { now: OverviewNow }) {
  const words = text.overview;
  return (
    <div class="status-line" role="status">
      <Status tone={toneOf(now.health)}><strong>{words.health[now.health] ?? now.health}</strong></Status>
      <span class="muted" title={words.version(now.version)}>{words.up(span(Date.now() / 1000 - toSeconds(now.started_at)))}</span>
      <span class="muted">{words.inFlight(count(now.in_flight))}</span>
      {now.usage_dropped > 0 && <Badge tone="bad">{words.dropped(count(now.usage_dropped))}</Badge>}
      {now.engines.map((engine) => <EngineChip key={engine.name} engine={engine} />)}
      {now.providers.map((one) => <a key={one.id} class="chip-link" href={href(`/providers?open=${encodeURIComponent(one.id)}`)} title={one.last_error || words.provider}><Status tone={toneOf(one.status)}>{one.id}{one.status !== "enabled" && <small>{one.status}</small>}</Status></a>)}
      {now.storage.notes.map((note) => <Badge key={note} tone="warn">{note}</Badge>)}
    </div>
  );
}

/** Epoch seconds, or ISO 8601. */
function toSeconds(moment: number | string): number {
  return typeof moment === "number" ? moment : new Date(moment).getTime() / 1000;
}

function EngineChip({ engine }: { engine: EngineNow }) {
  const loading = engine.state === "loading";
  return (
    <a class="chip-link" href={href("/engines")} title={engine.error ?? `${engine.model}\n${engine.phase}`}>
      <Status tone={toneOf(engine.state)}>{engine.name}{engine.state !== "ready" && <small>{engine.phase || engine.state}</small>}</Status>
      {loading && engine.percent !== null && <Meter value={engine.percent / 100} label={engine.name} />}
    </a>
  );
}
