/** The first line of the overview: gateway, local engines, providers, how they are now. */
import type { Engine, OverviewNow } from "../../api/types";
import { count, dollars, span } from "../../format/numbers";
import { Badge, Meter, Status, type Tone } from "../../parts/badge";
import { href } from "../../state/router";
import { text } from "../../text";
import { stateOfChutes, toneOfChutes } from "./quota";

const TONES: Record<string, Tone> = { healthy: "ok", degraded: "warn", unhealthy: "bad", ready: "ok", loading: "warn", draining: "warn", failed: "bad", stopped: "quiet", enabled: "ok", resting: "warn", disabled: "quiet" };

export function toneOf(state: string): Tone {
  return TONES[state] ?? "quiet";
}

export function StatusLine({ now }: { now: OverviewNow }) {
  const words = text.overview;
  return (
    <div class="status-line" role="status">
      <Status tone={toneOf(now.health)}><strong>{words.health[now.health] ?? now.health}</strong></Status>
      <span class="muted" title={words.version(now.version)}>{words.up(span(Date.now() / 1000 - now.started_at))}</span>
      <span class="muted">{words.inFlight(count(now.in_flight))}</span>
      {now.usage_dropped > 0 && <Badge tone="bad">{words.dropped(count(now.usage_dropped))}</Badge>}
      {now.chutes && (
        <a class="chip-link" href={href("/settings/quota")} title={now.chutes.error || text.quota.title}>
          <Status tone={toneOfChutes(now.chutes)}>{text.quota.name}<small>{stateOfChutes(now.chutes)}</small></Status>
          {Object.values(now.chutes.balances).map((balance, n) => balance !== null && <small key={n} class="numeric">{dollars(balance)}</small>)}
        </a>
      )}
      {now.engines.map((engine) => <EngineChip key={engine.name} engine={engine} />)}
      {now.providers.map((one) => <a key={one.id} class="chip-link" href={href(`/providers?open=${encodeURIComponent(one.id)}`)} title={one.last_error || words.provider}><Status tone={toneOf(one.status)}>{one.id}{one.status !== "enabled" && <small>{one.status}</small>}</Status></a>)}
      {now.storage.notes.map((note) => <Badge key={note} tone="warn">{note}</Badge>)}
    </div>
  );
}

function EngineChip({ engine }: { engine: Engine }) {
  const loading = engine.state === "loading";
  return (
    <a class="chip-link" href={href("/engines")} title={engine.error ?? `${engine.model}\n${engine.phase}`}>
      <Status tone={toneOf(engine.state)}>{engine.name}{engine.state !== "ready" && <small>{engine.phase || engine.state}</small>}</Status>
      {loading && engine.percent !== null && <Meter value={engine.percent / 100} label={engine.name} />}
    </a>
  );
}
