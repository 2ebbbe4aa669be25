/** One figure over time, a layer a group: the largest groups, and one for the rest. Pure. */
import type { Figures, Usage } from "../../api/types";
import type { Series } from "../../parts/chart/plot";
import { text } from "../../text";

export const MEASURES = ["requests", "cost", "tokens", "errors"] as const;
export type Measure = (typeof MEASURES)[number];

const LAYERS = 5;

const VALUE: Record<Measure, (figures: Figures) => number> = {
  requests: (f) => f.requests ?? 0,
  cost: (f) => f.cost_usd ?? 0,
  tokens: (f) => (f.input_tokens ?? 0) + (f.output_tokens ?? 0),
  errors: (f) => f.errors ?? 0,
};

type Points = NonNullable<Usage["series"]>;

/** `names` of the groups by label; null draws the whole as one layer. */
export function stacked(points: Points, measure: Measure, names: Map<string, string> | null): Series[] {
  const value = VALUE[measure];
  if (names === null) return [{ name: text.usage.chart[measure], values: points.map((point) => value(point.figures)) }];
  const sums = new Map<string, number>();
  for (const point of points) {
    for (const [label, figures] of Object.entries(point.groups ?? {})) sums.set(label, (sums.get(label) ?? 0) + value(figures));
  }
  const largest = [...sums].sort((a, b) => b[1] - a[1]).map(([label]) => label);
  const shown = largest.slice(0, largest.length > LAYERS + 1 ? LAYERS : LAYERS + 1);
  const layers: Series[] = shown.map((label) => ({ name: names.get(label) || label || "–", values: points.map((point) => of(point, label, value)) }));
  const rest = largest.slice(shown.length);
  if (rest.length) layers.push({ name: text.usage.chart.other, values: points.map((point) => rest.reduce((sum, label) => sum + of(point, label, value), 0)) });
  return layers;
}

function of(point: Points[number], label: string, value: (figures: Figures) => number): number {
  const figures = point.groups?.[label];
  return figures ? value(figures) : 0;
}
