/** How prices of a model changed, and what else did. */
import type { HistoryPoint } from "../../api/catalog";
import { exact } from "../../format/times";
import { price } from "../../format/numbers";
import { Value } from "../../parts/changes";
import { Chart } from "../../parts/chart/chart";
import { text } from "../../text";

const FIXED = ["at", "present"];

export function PriceHistory({ history }: { history: HistoryPoint[] }) {
  const words = text.catalog.detail;
  if (history.length < 2) return <p class="muted">{words.noHistory}</p>;
  const fields = [...new Set(history.flatMap((point) => Object.keys(point)))].filter((name) => !FIXED.includes(name));
  const moving = fields.filter((name) => new Set(history.map((point) => JSON.stringify(point[name]))).size > 1);
  const labels = history.map((point) => exact(point.at / 1000));
  const numeric = (name: string) => history.every((point) => point[name] == null || typeof point[name] === "number");
  const prices = moving.filter((name) => name.startsWith("price") && numeric(name));
  return (
    <>
      {prices.length > 0 && <Chart title={words.prices} labels={labels} exact={history.map((point) => new Date(point.at).toISOString())} format={price} series={prices.map((name) => ({ name, values: history.map((point) => (typeof point[name] === "number" ? point[name] : null)) }))} />}
      <ul class="history">
        {history.slice(1).map((point, n) => (
          <li key={point.at}>
            <span class="muted">{exact(point.at / 1000)}</span>
            {moving.filter((name) => JSON.stringify(point[name]) !== JSON.stringify(history[n]?.[name])).map((name) => <div key={name}>{name}: <Value value={history[n]?.[name]} /> → <Value value={point[name]} /></div>)}
          </li>
        ))}
      </ul>
    </>
  );
}
