/** The targets of a dry run, best first: rank, state, why, what the policy compares, what Chutes tells. */
import type { Candidate } from "../../api/explain";
import { decimal, duration, percent, price } from "../../format/numbers";
import { Badge, Status } from "../../parts/badge";
import { text } from "../../text";
import { TargetButtons, toneOf } from "./target-states";

export function Candidates({ rows, onChange }: { rows: Candidate[]; onChange?: () => void }) {
  return (
    <ol class="candidates">
      {rows.map((row) => <Row key={`${row.provider}/${row.model}`} row={row} {...(onChange ? { onChange } : {})} />)}
    </ol>
  );
}

function Row({ row, onChange }: { row: Candidate; onChange?: () => void }) {
  const words = text.models.dryRun;
  const target = { ...row, provider_id: row.provider, upstream_model: row.model };
  return (
    <li class={row.rank === null ? "out" : row.taken ? "taken" : ""}>
      <span class="rank">{row.rank ?? "–"}</span>
      <div class="grow">
        <div class="row spread">
          <span class="row"><code class="wrap">{row.provider}/{row.model}</code>{row.taken && <Badge tone="accent">{words.taken}</Badge>}</span>
          {row.rank === null ? <Badge tone="bad">{words.leftOut}</Badge> : <Status tone={toneOf(target)}>{text.models.states.names[row.state] ?? row.state}</Status>}
        </div>
        <p class="muted">{row.reason}{row.ready_in && row.rank !== null ? ` · ${words.wait(duration(row.ready_in * 1000))}` : ""}</p>
        <dl class="answer-facts">
          <Fact name={text.models.form.priority} value={String(row.priority)} />
          <Fact name={words.scored[row.scored] ?? row.scored} value={decimal(row.score, 2)} />
          <Fact name={words.latency} value={row.latency === null ? "–" : duration(row.latency * 1000)} />
          <Fact name={words.speed} value={decimal(row.speed, 0)} />
          <Fact name={words.price} value={price(row.price)} />
          <Fact name={words.flight} value={String(row.in_flight)} />
          <Fact name={words.calls} value={String(row.calls)} />
          <Fact name={words.failures} value={String(row.failures)} />
        </dl>
        {row.live && <Live live={row.live} />}
        {onChange && <div class="row"><TargetButtons row={target} onChange={onChange} /></div>}
      </div>
    </li>
  );
}

function Live({ live }: { live: NonNullable<Candidate["live"]> }) {
  const words = text.models.dryRun.live;
  const age = (seconds: number | null) => (seconds === null ? words.unknown : words.ago(duration(seconds * 1000)));
  return (
    <dl class="answer-facts signals">
      <Fact name={words.chutes} value={live.hot === null ? words.unknown : text.catalog.hot[String(live.hot)] ?? ""} />
      <Fact name={words.utilization} value={live.utilization === null ? "–" : percent(live.utilization, 0)} />
      <Fact name={words.turnedAway} value={live.turned_away === null ? "–" : percent(live.turned_away, 0)} />
      <Fact name={words.instances} value={live.instances === null ? "–" : String(live.instances)} />
      <Fact name={words.loadAge} value={age(live.load_age)} />
      <Fact name={words.ttft} value={live.ttft === null ? "–" : duration(live.ttft * 1000)} />
      <Fact name={words.tps} value={decimal(live.tps, 0)} />
      <Fact name={words.speedAge} value={age(live.speed_age)} />
    </dl>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return <div><dt>{name}</dt><dd>{value}</dd></div>;
}
