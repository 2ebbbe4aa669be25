/** A strip of cells in time. Colour and shape both say how it went: full, notched, hollow, or a dot where nothing was. */
import type { ComponentChildren } from "preact";
import { text } from "../../text";

export interface Cell {
  key: string;
  kind: "idle" | "ok" | "some" | "bad";
  title: string;
}

interface StripProps {
  label: string;
  cells: Cell[];
  /** What the kinds are called, for the legend and for who listens. */
  kinds: Partial<Record<Cell["kind"], string>>;
  from: string;
  to: string;
  /** The same as a table. */
  children: ComponentChildren;
}

export function Strip({ label, cells, kinds, from, to, children }: StripProps) {
  const kind = Object.keys(kinds) as Cell["kind"][];
  const told = kind.map((one) => [one, cells.filter((cell) => cell.kind === one).length] as const).filter(([, n]) => n > 0).map(([one, n]) => `${n} ${kinds[one]}`).join(", ");
  return (
    <>
      <div class="cells" role="img" aria-label={`${label}: ${told}`}>
        {cells.map((cell) => <i key={cell.key} class={cell.kind} title={cell.title} />)}
      </div>
      <div class="row spread faint numeric"><span>{from}</span><span>{to}</span></div>
      <ul class="cells-legend">{kind.map((one) => <li key={one}><i class={one} aria-hidden="true" />{kinds[one]}</li>)}</ul>
      <details><summary>{text.chart.asTable}</summary>{children}</details>
    </>
  );
}
