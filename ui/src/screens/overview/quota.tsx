/** The account at Chutes: how much of each cap is used, when it comes back, and what happens before it runs out. */
import type { ComponentChildren } from "preact";
import type { ChutesNow, QuotaWindow } from "../../api/types";
import { about, count, dollars, percent } from "../../format/numbers";
import { exact } from "../../format/times";
import { Badge, Meter, Status, type Tone } from "../../parts/badge";
import { Panel } from "../../parts/page";
import { Time } from "../../parts/time";
import { text } from "../../text";
import { useNow } from "./now";

export function toneOfChutes(chutes: ChutesNow): Tone {
  if (chutes.reachable === false || chutes.key_ok === false) return "bad";
  return chutes.reachable === null ? "quiet" : chutes.windows.some((one) => one.nearly_used) ? "warn" : "ok";
}

export function stateOfChutes(chutes: ChutesNow): string {
  const words = text.quota.states;
  if (chutes.key_ok === false) return words.refused;
  if (chutes.reachable === false) return words.unreachable;
  return chutes.reachable === null ? words.unknown : words.ok;
}

export function amount(value: number, unit: string): string {
  return unit === "USD" ? dollars(value) : count(value);
}

export function Quota({ chutes, actions }: { chutes: ChutesNow; actions?: ComponentChildren }) {
  const words = text.quota;
  const now = useNow();
  return (
    <Panel title={words.title} actions={actions} note={<>{chutes.checked_at !== null && <>{words.checked} <Time at={chutes.checked_at} /></>}</>}>
      <div class="quota">
        <div class="quota-state">
          <Status tone={toneOfChutes(chutes)} title={chutes.error}>{stateOfChutes(chutes)}</Status>
          {Object.entries(chutes.balances).map(([provider, balance]) => (
            <span key={provider} class="balance"><span class="muted">{words.balance(provider)}</span> <strong>{dollars(balance)}</strong></span>
          ))}
          {chutes.error && <p class="bad-text wrap">{chutes.error}</p>}
          {chutes.windows.length === 0 && chutes.reachable && <p class="muted">{words.noWindows}</p>}
        </div>
        {chutes.windows.length > 0 && <div class="windows">{chutes.windows.map((one) => <Window key={`${one.provider_id} ${one.name}`} window={one} now={now} several={Object.keys(chutes.balances).length > 1} />)}</div>}
      </div>
    </Panel>
  );
}

function Window({ window: one, now, several }: { window: QuotaWindow; now: number; several: boolean }) {
  const words = text.quota;
  const share = one.cap > 0 ? Math.min(1, one.used / one.cap) : 1;
  const used = share >= 1;
  const tone: Tone = used ? "bad" : one.nearly_used ? "warn" : "accent";
  return (
    <div class="window">
      <div class="row spread">
        <span class="row tight"><strong>{one.name}</strong>{several && <small>{one.provider_id}</small>}{used ? <Badge tone="bad">{words.out}</Badge> : one.nearly_used && <Badge tone="warn">{words.nearly}</Badge>}</span>
        <span class="numeric">{words.used(amount(one.used, one.unit), amount(one.cap, one.unit))} <span class="muted">{percent(share, 0)}</span></span>
      </div>
      <Meter value={share} label={`${one.name}: ${percent(share, 0)}`} tone={tone} />
      <div class="row spread muted">
        <span title={one.resets_at === null ? undefined : exact(one.resets_at)}>{resets(one, now)}</span>
        <span>{pace(one, now)}</span>
      </div>
      <small>{does(one, used)}</small>
    </div>
  );
}

function resets(one: QuotaWindow, now: number): string {
  if (one.resets_at === null) return text.quota.resetUnknown;
  return one.resets_at <= now ? text.quota.resetDue : text.quota.resets(about(one.resets_at - now));
}

export function pace(one: QuotaWindow, now: number): string {
  const { per_hour, runs_out_at } = one.forecast;
  if (one.used >= one.cap) return "";
  if (runs_out_at !== null) return text.quota.runsOut(about(runs_out_at - now));
  if (per_hour === null) return text.quota.paceUnknown;
  return per_hour > 0 ? text.quota.lasts(amount(per_hour, one.unit)) : text.quota.idle;
}

function does(one: QuotaWindow, used: boolean): string {
  const words = text.quota.does;
  if (used) return words.used;
  if (one.nearly_used) return words.nearly;
  return one.forecast.runs_out_at !== null ? words.runsOut : words.fine;
}
