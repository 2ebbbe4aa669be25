/** Figures with a small line and the change against the period before. */
import type { ComponentChildren } from "preact";
import type { Usage } from "../../api/types";
import { dollars, duration, percent, short } from "../../format/numbers";
import { Change } from "../../parts/change";
import { Spark } from "../../parts/chart/spark";
import { text } from "../../text";

export function Cards({ usage }: { usage: Usage }) {
  const words = text.overview.cards;
  const { figures, before, change } = usage;
  const series = usage.series ?? [];
  const of = (pick: (point: (typeof series)[number]["figures"]) => number | null | undefined) => series.map((point) => pick(point.figures) ?? null);
  const requests = figures.requests ?? 0;
  const share = (part: number | null | undefined) => (part == null || requests === 0 ? null : part / requests);
  const shareBefore = (part: number | null | undefined) => (part == null || !before.requests ? null : part / before.requests);
  return (
    <div class="cards">
      <Card name={words.requests} value={short(requests)} change={change.requests} values={of((f) => f.requests)} note={figures.errors ? `${short(figures.errors)} ${words.errors}` : ""} />
      <Card name={words.success} value={percent(figures.success)} change={change.success} goodUp values={of((f) => f.success)} />
      <Card name={words.latency} value={duration(figures.latency?.p50)} change={change.latency_p50} goodDown values={of((f) => f.latency?.p50)} note={`${words.p95} ${duration(figures.latency?.p95)} · ${words.p99} ${duration(figures.latency?.p99)}`} />
      <Card name={words.ttft} value={duration(figures.first_token?.p50)} change={change.first_token_p50} goodDown values={of((f) => f.first_token?.p50)} note={`${words.p95} ${duration(figures.first_token?.p95)}`} />
      <Card name={words.speed} value={short(figures.tokens_per_second)} values={of((f) => f.tokens_per_second)} change={delta(figures.tokens_per_second, before.tokens_per_second)} goodUp note={figures.tokens_per_second == null && figures.streams ? words.notSummed : ""} />
      <Card name={words.overhead} value={duration(figures.overhead_mean_ms)} values={of((f) => f.overhead_mean_ms)} change={delta(figures.overhead_mean_ms, before.overhead_mean_ms)} goodDown note={words.mean} />
      <Card name={words.tokens} value={short((figures.input_tokens ?? 0) + (figures.output_tokens ?? 0))} values={of((f) => (f.input_tokens ?? 0) + (f.output_tokens ?? 0))} change={change.output_tokens} note={`${short(figures.input_tokens)} ${words.inTokens} · ${short(figures.output_tokens)} ${words.outTokens} · ${short(figures.cached_tokens)} ${words.cachedTokens}`} />
      <Card name={words.cost} value={dollars(figures.cost_usd)} change={change.cost_usd} values={of((f) => f.cost_usd)} note={figures.unpriced ? words.unpriced(short(figures.unpriced)) : ""} />
      <Card name={words.cacheHits} value={percent(share(figures.cached))} values={of((f) => f.cached)} change={delta(share(figures.cached), shareBefore(before.cached))} goodUp />
      <Card name={words.fallbacks} value={percent(share(figures.retried))} values={of((f) => f.retried)} change={delta(share(figures.retried), shareBefore(before.retried))} goodDown note={figures.retried == null ? words.notSummed : ""} />
    </div>
  );
}

function delta(now: number | null | undefined, before: number | null | undefined): number | null {
  return now == null || !before ? null : (now - before) / before;
}

interface CardProps {
  name: string;
  value: ComponentChildren;
  change: number | null | undefined;
  values: (number | null)[];
  note?: string;
  goodUp?: boolean;
  goodDown?: boolean;
}

function Card({ name, value, change, values, note, goodUp, goodDown }: CardProps) {
  return (
    <div class="card">
      <h2>{name}</h2>
      <div class="card-main">
        <strong>{value}</strong>
        <Change change={change} good={goodUp ? "up" : goodDown ? "down" : undefined} />
      </div>
      <small>{note}</small>
      <Spark values={values} width={200} height={26} />
    </div>
  );
}
