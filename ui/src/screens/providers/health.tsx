/** How a provider did lately: strips of minutes and of checks, each with its table; its targets now. */
import { useState } from "preact/hooks";
import { type ProviderHealth, readHealth } from "../../api/providers";
import { toCsv, download } from "../../format/csv";
import { count, duration, percent } from "../../format/numbers";
import { clock } from "../../format/times";
import { Button } from "../../parts/button";
import { Await } from "../../parts/states";
import { Segments } from "../../parts/tabs";
import { Time } from "../../parts/time";
import { useEvery, useResource } from "../../state/resource";
import { text } from "../../text";
import { TargetList } from "../models/target-states";
import { type Cell, Strip } from "./strip";

const REFRESH = 5000;
const RANGES = ["60", "180"] as const;

type Minute = ProviderHealth["minutes"][number];
type Check = ProviderHealth["checks"][number];

export function Health({ id }: { id: string }) {
  const words = text.providers.health;
  const [range, setRange] = useState<(typeof RANGES)[number]>("60");
  const found = useResource(`${id} ${range}`, (signal) => readHealth(id, Number(range), signal));
  useEvery(REFRESH, found.reload);
  return (
    <div class="stack">
      <div class="row spread">
        <p class="muted">{words.lead}</p>
        <Segments label={words.range} value={range} options={RANGES.map((value) => ({ value, label: words.ranges[value] ?? value }))} onChange={setRange} />
      </div>
      <Await of={found} rows={4}>{(health) => <Body health={health} onChange={found.reload} />}</Await>
    </div>
  );
}

function Body({ health, onChange }: { health: ProviderHealth; onChange: () => void }) {
  const words = text.providers.health;
  const tries = health.minutes.reduce((sum, one) => sum + one.tries, 0);
  const failures = health.minutes.reduce((sum, one) => sum + one.failures, 0);
  return (
    <>
      {health.last_error ? <p class="bad-text">{words.last(health.last_error)}{health.error_at !== null && <> · <Time at={health.error_at} /></>}</p> : <p class="muted">{words.none}</p>}
      <section class="stack tight">
        <div class="row spread"><h3>{words.requests}</h3><span class="muted">{tries > 0 && words.summary(count(tries), percent(1 - failures / tries, 1))}</span></div>
        <Strip label={words.requests} cells={health.minutes.map(minuteCell)} kinds={words.kinds} from={clock(health.minutes[0]?.at ?? health.now)} to={clock(health.now)}>
          <Minutes rows={health.minutes.filter((one) => one.tries > 0).reverse()} />
        </Strip>
      </section>
      <section class="stack tight">
        <h3>{words.checks}</h3>
        <p class="muted">{health.interval === null ? words.byHand : words.every(health.interval)}</p>
        {health.checks.length === 0 ? <p class="faint">{words.noChecks}</p> : (
          <Strip label={words.checks} cells={health.checks.slice(-60).map(checkCell)} kinds={{ ok: words.well, bad: words.notWell }} from={clock(health.checks.slice(-60)[0]?.at ?? health.now)} to={clock(health.checks.at(-1)?.at ?? health.now)}>
            <Checks rows={health.checks.slice().reverse()} />
          </Strip>
        )}
      </section>
      <section class="stack tight">
        <h3>{words.targets}</h3>
        {health.targets.length === 0 ? <p class="faint">{words.noTargets}</p> : <TargetList targets={health.targets} onChange={onChange} />}
      </section>
    </>
  );
}

function minuteCell(one: Minute): Cell {
  const kind = one.tries === 0 ? "idle" : one.failures === 0 ? "ok" : one.failures * 2 > one.tries ? "bad" : "some";
  return { key: String(one.at), kind, title: text.providers.health.cell(clock(one.at), one.tries, one.failures, duration(one.p50_ms)) };
}

function checkCell(one: Check, n: number): Cell {
  return { key: `${n} ${one.at}`, kind: one.error ? "bad" : "ok", title: text.providers.health.check(clock(one.at), duration(one.ms), one.error) };
}

function Minutes({ rows }: { rows: Minute[] }) {
  const words = text.providers.health;
  const head = [words.minute, words.tries, words.failed, words.refused, words.p50, words.error];
  const save = () => download("provider-minutes.csv", toCsv(head, rows.map((one) => [new Date(one.at * 1000).toISOString(), one.tries, one.failures, one.refused, one.p50_ms, one.last_error])), "text/csv");
  return (
    <>
      <div class="table-box plain figures" tabIndex={0} role="region" aria-label={words.requests}>
        <table class="table">
          <thead><tr>{head.map((name, n) => <th key={name} scope="col" class={n > 0 && n < 5 ? "numeric" : undefined}>{name}</th>)}</tr></thead>
          <tbody>
            {rows.map((one) => <tr key={one.at}><td>{clock(one.at)}</td><td class="numeric">{count(one.tries)}</td><td class="numeric">{count(one.failures)}</td><td class="numeric">{count(one.refused)}</td><td class="numeric">{duration(one.p50_ms)}</td><td>{one.last_error || "–"}</td></tr>)}
          </tbody>
        </table>
      </div>
      <div><Button size="small" icon="download" disabled={rows.length === 0} onClick={save}>{text.table.csv}</Button></div>
    </>
  );
}

function Checks({ rows }: { rows: Check[] }) {
  const words = text.providers.health;
  return (
    <div class="table-box plain figures" tabIndex={0} role="region" aria-label={words.checks}>
      <table class="table">
        <thead><tr><th scope="col">{words.time}</th><th scope="col" class="numeric">{words.took}</th><th scope="col">{words.outcome}</th></tr></thead>
        <tbody>{rows.map((one, n) => <tr key={n}><td>{clock(one.at)}</td><td class="numeric">{duration(one.ms)}</td><td>{one.error || words.well}</td></tr>)}</tbody>
      </table>
    </div>
  );
}
