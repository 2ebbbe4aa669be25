/** The periods one can look at, with the steps that their charts are made of. */
import { day } from "../../format/times";
import { query } from "../../state/router";
import { text } from "../../text";

export interface Range {
  seconds: number;
  step: "minute" | "hour" | "day";
}

export const RANGES: Record<string, Range> = {
  "1h": { seconds: 3600, step: "minute" },
  "24h": { seconds: 86_400, step: "hour" },
  "7d": { seconds: 7 * 86_400, step: "hour" },
  "30d": { seconds: 30 * 86_400, step: "day" },
};

/** The period in the address, where there is such a one. */
export function askedRange(otherwise: string): string {
  const asked = query.value.get("range") ?? "";
  return Object.hasOwn(RANGES, asked) ? asked : otherwise;
}

export function period(name: string): { from: string; to: string; step: Range["step"] } {
  const range = RANGES[name] ?? RANGES["24h"] ?? { seconds: 86_400, step: "hour" as const };
  const now = Date.now();
  return { from: new Date(now - range.seconds * 1000).toISOString(), to: new Date(now).toISOString(), step: range.step };
}

/** For files: the moment in ISO 8601, or the day in UTC. */
export function stamp(at: string, step: Range["step"]): string {
  return step === "day" ? at.slice(0, 10) : at;
}

/** What the labels of a chart are. */
export function axisOf(step: Range["step"]): string {
  return step === "day" ? text.chart.day : text.chart.time;
}

export function label(at: string, step: Range["step"], seconds: number): string {
  const date = new Date(at);
  if (step === "day") return day(at);
  const time = date.toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return seconds > 86_400 ? `${date.toLocaleDateString("en", { weekday: "short" })} ${time}` : time;
}
