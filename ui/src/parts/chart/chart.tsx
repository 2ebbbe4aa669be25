/** A chart over time as lines or bars, with the same figures as a table and as CSV. */
import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { type Cell, download, toCsv } from "../../format/csv";
import { text } from "../../text";
import { Button } from "../button";
import { Panel } from "../page";
import { Plot, type Series } from "./plot";

const TALL = 330;

export interface ChartProps {
  title: string;
  note?: string;
  labels: string[];
  /** What stands for them in the CSV file: moments as ISO 8601, whole figures. */
  exact?: Cell[];
  series: Series[];
  format: (value: number | null) => string;
  kind?: "line" | "bars";
  /** What the labels are: times, unless it is said. */
  axis?: string;
  /** Of `labels`: marked on the axis, with these words. */
  mark?: { at: number; label: string };
  tall?: boolean;
  /** Further choices in the panel's head. */
  tools?: ComponentChildren;
}

export function Chart({ title, note, labels, exact = labels, series, format, kind = "line", axis = text.chart.time, mark, tall, tools }: ChartProps) {
  const [asTable, setAsTable] = useState(false);
  const body = useRef<HTMLDivElement>(null);
  const save = () => {
    const rows = labels.map((_, n) => [exact[n], ...series.map((one) => one.values[n] ?? null)]);
    download(`${title}.csv`, toCsv([axis, ...series.map((one) => one.name)], rows), "text/csv");
  };
  return (
    <Panel
      title={title}
      note={note}
      actions={
        <>
          {tools}
          <Button kind="ghost" size="small" icon="grid" label={text.chart.asTable} pressed={asTable} onClick={() => setAsTable(!asTable)} />
          <Button kind="ghost" size="small" icon="download" label={text.table.csv} onClick={save} />
        </>
      }
    >
      <div ref={body} class="chart">
        {asTable ? <Figures labels={labels} series={series} format={format} title={title} axis={axis} tall={tall ?? false} /> : <Plot labels={labels} series={series} format={format} kind={kind} title={title} height={tall ? TALL : undefined} mark={mark} />}
        {series.length > 1 && (
          <ul class="legend">
            {series.map((one, n) => (
              <li key={n}>
                <svg width="18" height="8" aria-hidden="true">
                  {kind === "bars" ? <rect x="5" width="8" height="8" rx="2" class={`bar ${one.tone ?? `s${n}`}`} /> : <line x1="0" x2="18" y1="4" y2="4" class={`series s${n}`} />}
                </svg>
                {one.name}
              </li>
            ))}
          </ul>
        )}
      </div>
    </Panel>
  );
}

function Figures({ labels, series, format, title, axis, tall }: Pick<ChartProps, "labels" | "series" | "format" | "title"> & { axis: string; tall: boolean }) {
  return (
    <div class={tall ? "figures tall" : "figures"} tabIndex={0} role="region" aria-label={title}>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{axis}</th>
            {series.map((one, n) => (
              <th key={n} scope="col" class="numeric">{one.name}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {labels.map((label, n) => (
            <tr key={`${n} ${label}`}>
              <td>{label}</td>
              {series.map((one, m) => (
                <td key={m} class="numeric">{format(one.values[n] ?? null)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
