/** The figures that a period is compared by with the one before, and a period's groups with theirs. Pure. */
import type { Figures, Group } from "../../api/types";
import { dollars, duration, percent, short } from "../../format/numbers";
import { text } from "../../text";

type Known = number | null | undefined;

export interface Figure {
  id: keyof typeof text.usage.figures;
  value: (figures: Figures) => Known;
  show: (value: Known) => string;
  /** What is good: more, less, or neither. */
  good?: "up" | "down";
}

const tokens = (figures: Figures) => (figures.input_tokens ?? 0) + (figures.output_tokens ?? 0);

export function perMillion(figures: Figures): number | null {
  return figures.cost_usd && tokens(figures) ? (figures.cost_usd / tokens(figures)) * 1e6 : null;
}

export const FIGURES: readonly Figure[] = [
  { id: "requests", value: (f) => f.requests, show: short },
  { id: "success", value: (f) => f.success, show: (v) => percent(v, 2), good: "up" },
  { id: "errors", value: (f) => f.errors, show: short, good: "down" },
  { id: "retried", value: (f) => f.retried, show: short, good: "down" },
  { id: "cached", value: (f) => f.cached, show: short },
  { id: "p50", value: (f) => f.latency?.p50, show: duration, good: "down" },
  { id: "p95", value: (f) => f.latency?.p95, show: duration, good: "down" },
  { id: "p99", value: (f) => f.latency?.p99, show: duration, good: "down" },
  { id: "ttft", value: (f) => f.first_token?.p50, show: duration, good: "down" },
  { id: "speed", value: (f) => f.tokens_per_second, show: short, good: "up" },
  { id: "overhead", value: (f) => f.overhead_mean_ms, show: duration, good: "down" },
  { id: "input", value: (f) => f.input_tokens, show: short },
  { id: "output", value: (f) => f.output_tokens, show: short },
  { id: "cachedTokens", value: (f) => f.cached_tokens, show: short },
  { id: "cost", value: (f) => f.cost_usd, show: dollars },
  { id: "perMillion", value: perMillion, show: dollars, good: "down" },
  { id: "unpriced", value: (f) => f.unpriced, show: short },
];

/** A share more or less; null where there was nothing before. */
export function change(now: Known, before: Known): number | null {
  return now == null || !before ? null : (now - before) / before;
}

export interface ComparedGroup extends Group {
  before?: Figures | undefined;
}

export function compareGroups(now: Group[], before: Group[]): ComparedGroup[] {
  const known = new Map(before.map((group) => [group.label, group.figures]));
  return now.map((group) => ({ ...group, before: known.get(group.label) }));
}
