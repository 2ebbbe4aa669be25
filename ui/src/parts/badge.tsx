/** Small labels: a state is always a word and a shape, never colour alone. */
import type { ComponentChildren } from "preact";

export type Tone = "ok" | "warn" | "bad" | "accent" | "quiet";

export function Badge({ tone = "quiet", title, children }: { tone?: Tone; title?: string; children: ComponentChildren }) {
  return (
    <span class={`badge ${tone}`} title={title}>
      {children}
    </span>
  );
}

/** A state with a dot: filled when good, half when in between, hollow when off or bad. */
export function Status({ tone, children, title }: { tone: Tone; children: ComponentChildren; title?: string }) {
  return (
    <span class={`status ${tone}`} title={title}>
      <i aria-hidden="true" />
      {children}
    </span>
  );
}

export function Meter({ value, label, tone = "accent" }: { value: number; label: string; tone?: Tone }) {
  const share = Math.max(0, Math.min(1, value));
  return (
    <span
      class={`meter ${tone}`}
      role="progressbar"
      aria-label={label}
      aria-valuenow={Math.round(share * 100)}
      aria-valuemin={0}
      aria-valuemax={100}
    >
      <i style={{ width: `${share * 100}%` }} />
    </span>
  );
}
