/** The two lines of break-even and what is asked for them. Pure. */
import type { BreakEven } from "../../api/types";
import type { Filter } from "../../api/usage";

/** What is typed, as it stands in the address. */
export const FIELDS = { hourly: "2", out: "2500", in: "", load: "70", rin: "", rout: "" } as const;
export type Asked = keyof typeof FIELDS;

const POINTS = 24;
const DAY = 24;

export interface Gpu {
  hourly: number;
  load: number;
}

/** Null while what must be known is not typed. */
export function question(typed: Record<Asked, string>, remote: boolean): { filter: Filter; gpu: Gpu } | null {
  const hourly = Number(typed.hourly);
  const output = Number(typed.out);
  const load = Number(typed.load) / 100;
  if (!(hourly > 0) || !(output > 0) || !(load > 0)) return null;
  const filter = {
    hourly_usd: hourly,
    output_tokens_per_second: output,
    input_tokens_per_second: typed.in || null,
    load,
    ...(remote ? { remote_input_usd: typed.rin || 0, remote_output_usd: typed.rout || 0 } : {}),
  };
  return { filter, gpu: { hourly, load } };
}

export interface Lines {
  tokens: number[];
  now: number[];
  gpus: number[];
  /** Of `tokens`: the one next to what there is. */
  here: number;
}

/** USD a day over tokens a day: what they cost now grows with each token, GPUs come one by one. */
export function lines(found: BreakEven, gpu: Gpu): Lines {
  const perDay = found.full_gpu_hours > 0 ? (found.tokens / found.full_gpu_hours) * gpu.load * DAY : 0;
  const perToken = (found.per_million_usd ?? 0) / 1e6;
  const far = Math.max(found.tokens_per_day * 2, Math.min(found.pays_from ?? 0, found.tokens_per_day * 400) * 1.4, 1);
  const step = nice(far / POINTS);
  const tokens = Array.from({ length: POINTS + 1 }, (_, n) => n * step);
  return {
    tokens,
    now: tokens.map((n) => n * perToken),
    gpus: tokens.map((n) => Math.max(1, perDay ? Math.ceil(n / perDay - 1e-9) : 1) * gpu.hourly * DAY),
    here: Math.min(POINTS, Math.round(found.tokens_per_day / step)),
  };
}

function nice(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  return ([1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10].find((factor) => factor * power >= step) ?? 10) * power;
}
