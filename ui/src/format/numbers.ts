/** Figures as people read them. Every function takes null for "not known" and then gives a dash. */

export const UNKNOWN = "–";
type Known = number | null | undefined;

const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export function count(value: Known): string {
  return value == null ? UNKNOWN : plain.format(value);
}

export function short(value: Known): string {
  if (value == null) return UNKNOWN;
  return Math.abs(value) < 10_000 ? plain.format(value) : compact.format(value);
}

export function decimal(value: Known, digits = 1): string {
  return value == null ? UNKNOWN : value.toFixed(digits);
}

/** Milliseconds as ms, s or min. */
export function duration(ms: Known): string {
  if (ms == null) return UNKNOWN;
  if (ms === 0) return "0";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  return span(ms / 1000);
}

/** Seconds as the two largest units: 3 d 4 h, 2 min 5 s. */
export function span(seconds: Known): string {
  if (seconds == null) return UNKNOWN;
  const units: [number, string][] = [[86_400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  let rest = Math.max(0, Math.round(seconds));
  const parts: string[] = [];
  for (const [size, unit] of units) {
    const whole = Math.floor(rest / size);
    if (whole > 0 && parts.length < 2) parts.push(`${whole} ${unit}`);
    rest -= whole * size;
  }
  return parts.join(" ") || "0 s";
}

/** The same without seconds that nobody needs: for what is guessed or far away. */
export function about(seconds: Known): string {
  if (seconds == null) return UNKNOWN;
  return seconds < 60 ? "< 1 min" : span(Math.round(seconds / 60) * 60);
}

/** The gateway counts in billionths. */
const SMALLEST = 1e-9;

export function dollars(value: Known): string {
  if (value == null) return UNKNOWN;
  if (value === 0) return "$0";
  const size = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  if (size < SMALLEST) return "<$0.000000001";
  if (size < 0.01) return `${sign}$${size.toFixed(size < 0.00001 ? 9 : 6).replace(/0+$/, "")}`;
  if (size < 1) return `${sign}$${size.toFixed(4)}`;
  return `${sign}$${size.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

/** USD per million tokens. */
export function price(value: Known): string {
  if (value == null) return UNKNOWN;
  if (value === 0) return "free";
  return value < 0.001 ? dollars(value) : `$${value < 0.1 ? value.toFixed(3) : value.toFixed(2)}`;
}

/** A share between 0 and 1. */
export function percent(value: Known, digits = 1): string {
  return value == null ? UNKNOWN : `${(value * 100).toFixed(digits)}%`;
}

export function bytes(value: Known): string {
  if (value == null) return UNKNOWN;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = value;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${size.toFixed(size < 10 && unit > 0 ? 1 : 0)} ${units[unit]}`;
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}
