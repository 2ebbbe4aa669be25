/** The drawing of a chart: axis, grid, lines or bars, and a reading under the pointer. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { spread, ticks } from "./scale";

export interface Series {
  name: string;
  tone?: "bad";
  values: (number | null)[];
}

interface PlotProps {
  title: string;
  labels: string[];
  series: Series[];
  format: (value: number | null) => string;
  kind: "line" | "bars";
  height?: number | undefined;
  mark?: { at: number; label: string } | undefined;
}

/** Of the axis: at least so wide, and wider where its figures are. */
const LEFT = 52;
const LETTER = 6.5;
const BOTTOM = 20;
const TOP = 8;

export function Plot({ title, labels, series, format, kind, height = 172, mark }: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(480);
  const [at, setAt] = useState<number | null>(null);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.max(200, entry.contentRect.width)));
    if (box.current) observer.observe(box.current);
    return () => observer.disconnect();
  }, []);

  const grid = ticks(highest(series, kind), series.every((one) => one.values.every((value) => value === null || Number.isInteger(value))));
  const top = grid[grid.length - 1] ?? 1;
  const left = Math.max(LEFT, 8 + LETTER * Math.max(...grid.map((value) => format(value).length)));
  const inner = width - left - 4;
  const slot = inner / Math.max(1, kind === "bars" ? labels.length : labels.length - 1);
  const x = (n: number) => left + (kind === "bars" ? (n + 0.5) * slot : labels.length > 1 ? n * slot : inner / 2);
  const y = (value: number) => TOP + (1 - value / top) * (height - TOP - BOTTOM);
  const read = (event: PointerEvent) => {
    const bounds = box.current?.getBoundingClientRect();
    if (!bounds || labels.length === 0) return;
    const n = Math.round((event.clientX - bounds.left - left) / slot - (kind === "bars" ? 0.5 : 0));
    setAt(Math.max(0, Math.min(labels.length - 1, n)));
  };

  return (
    <div ref={box} class="plot" onPointerMove={read} onPointerLeave={() => setAt(null)}>
      <svg width={width} height={height} role="img" aria-label={title}>
        {grid.map((value) => (
          <g key={value}>
            <line class="grid" x1={left} x2={width - 4} y1={y(value)} y2={y(value)} />
            <text x={left - 8} y={y(value) + 3.5} text-anchor="end">{format(value)}</text>
          </g>
        ))}
        {spread(labels.length, Math.max(2, Math.floor(inner / 84))).map((n) => (
          <text key={n} x={x(n)} y={height - 4} text-anchor={n === 0 && kind === "line" ? "start" : x(n) > width - 28 ? "end" : "middle"}>{labels[n]}</text>
        ))}
        {mark && <g class="mark"><line x1={x(mark.at)} x2={x(mark.at)} y1={TOP} y2={height - BOTTOM} /><text x={x(mark.at) + (x(mark.at) > width * 0.6 ? -6 : 6)} y={TOP + 10} text-anchor={x(mark.at) > width * 0.6 ? "end" : "start"}>{mark.label}</text></g>}
        {at !== null && <line class="cursor" x1={x(at)} x2={x(at)} y1={TOP} y2={height - BOTTOM} />}
        {kind === "bars" ? <Bars series={series} x={x} y={y} slot={slot} count={labels.length} /> : series.map((one, n) => <path key={n} class={`series s${n}`} d={line(one.values, x, y)} />)}
        {kind === "line" && series.map((one, n) => lonely(one.values).map((i) => <circle key={`${n} ${i}`} class={`dot s${n}`} cx={x(i)} cy={y(one.values[i] ?? 0)} r="2.5" />))}
      </svg>
      {at !== null && (
        <div class={x(at) > width * 0.6 ? "reading left" : "reading"} style={{ left: `${x(at)}px` }}>
          <strong>{labels[at]}</strong>
          {series.map((one, n) => (
            <span key={n}>
              {one.name} <b>{format(one.values[at] ?? null)}</b>
            </span>
          ))}
        </div>
      )}
    </div>
  );
}

function highest(series: Series[], kind: "line" | "bars"): number {
  if (kind === "line") return Math.max(0, ...series.flatMap((one) => one.values.map((value) => value ?? 0)));
  const length = Math.max(0, ...series.map((one) => one.values.length));
  return Math.max(0, ...Array.from({ length }, (_, n) => series.reduce((sum, one) => sum + (one.values[n] ?? 0), 0)));
}

/** A gap where a figure is not known. */
function line(values: (number | null)[], x: (n: number) => number, y: (value: number) => number): string {
  let drawing = false;
  return values
    .map((value, n) => {
      if (value === null) {
        drawing = false;
        return "";
      }
      const command = drawing ? "L" : "M";
      drawing = true;
      return `${command}${x(n).toFixed(1)},${y(value).toFixed(1)}`;
    })
    .join("");
}

/** Points without a neighbour: no line shows them. */
function lonely(values: (number | null)[]): number[] {
  return values.flatMap((value, n) => (value !== null && (values[n - 1] ?? null) === null && (values[n + 1] ?? null) === null ? [n] : []));
}

/** Bars of one moment stand on one another. */
function Bars(props: { series: Series[]; x: (n: number) => number; y: (v: number) => number; slot: number; count: number }) {
  const { series, x, y, slot, count } = props;
  const width = Math.max(1.5, Math.min(26, slot * 0.74));
  return (
    <>
      {Array.from({ length: count }, (_, n) => {
        let below = 0;
        return series.map((one, s) => {
          const value = one.values[n] ?? 0;
          if (value <= 0) return null;
          const bottom = y(below);
          below += value;
          return <rect key={`${n} ${s}`} class={`bar ${one.tone ?? `s${s}`}`} x={x(n) - width / 2} y={y(below)} width={width} height={Math.max(0, bottom - y(below))} />;
        });
      })}
    </>
  );
}
