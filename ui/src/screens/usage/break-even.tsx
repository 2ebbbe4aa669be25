/** A GPU of one's own against what the traffic of a period cost: a verdict, the figures behind it, and a chart. */
import { useState } from "preact/hooks";
import { readBreakEven } from "../../api/analytics";
import { ApiError } from "../../api/errors";
import type { BreakEven } from "../../api/types";
import { readUsage } from "../../api/usage";
import { decimal, dollars, percent, short } from "../../format/numbers";
import { Chart } from "../../parts/chart/chart";
import { Field, SelectField, TextField } from "../../parts/field";
import { ModelPicker } from "../../parts/model-picker";
import { Panel } from "../../parts/page";
import { Await, Empty } from "../../parts/states";
import type { Column } from "../../parts/table/column";
import { Table } from "../../parts/table/table";
import { CsvButton } from "../../parts/table/tools";
import { useSlow } from "../../state/slow";
import { useResource } from "../../state/resource";
import { query, setQuery } from "../../state/router";
import { text } from "../../text";
import { period } from "../overview/ranges";
import { type Asked, FIELDS, type Gpu, lines, question } from "./break-even-lines";

export function BreakEvenView({ range }: { range: string }) {
  const words = text.usage.breakEven;
  const asked = query.value;
  const [typed, setTyped] = useState(() => Object.fromEntries(Object.entries(FIELDS).map(([name, initial]) => [name, asked.get(name) ?? initial])) as Record<Asked, string>);
  const type = (field: Asked, value: string) => {
    setTyped({ ...typed, [field]: value });
    setQuery({ [field]: value });
  };
  const remote = asked.get("against") === "remote";
  const wanted = question(typed, remote);
  const model = asked.get("model") ?? "";
  const provider = asked.get("provider_id") ?? "";
  const key = useSlow(wanted && JSON.stringify([range, model, provider, wanted.filter]));
  const found = useResource(key, (signal) => readBreakEven({ ...dates(range), model, provider_id: provider, ...wanted?.filter }, signal));
  return (
    <>
      <Panel title={words.title} note={asked.has("hourly") ? undefined : words.example}>
        <div class="form">
          <p class="muted">{words.lead}</p>
          <Questions typed={typed} onType={type} remote={remote} range={range} model={model} provider={provider} />
        </div>
      </Panel>
      {wanted === null ? <Panel><Empty icon="chart" title={words.missing} /></Panel>
        : isEmpty(found.error) ? <Panel><Empty icon="chart" title={text.usage.empty}>{text.usage.emptyLead}</Empty></Panel>
        : <Await of={found} rows={6}>{(view) => <Found view={view} gpu={wanted.gpu} />}</Await>}
    </>
  );
}

function dates(range: string): { from: string; to: string } {
  const { from, to } = period(range);
  return { from, to };
}

/** The gateway says so where no token was counted. */
function isEmpty(error: unknown): boolean {
  return error instanceof ApiError && error.status === 400 && error.param === "from";
}

function Questions({ typed, onType, remote, range, model, provider }: { typed: Record<Asked, string>; onType: (field: Asked, value: string) => void; remote: boolean; range: string; model: string; provider: string }) {
  const words = text.usage.breakEven;
  const models = useResource(`models ${range}`, (signal) => readUsage("/api/admin", { ...dates(range), group: "model" }, signal));
  const providers = useResource(`providers ${range}`, (signal) => readUsage("/api/admin", { ...dates(range), group: "provider" }, signal));
  const figure = (field: Asked, label: string, help?: string) => <TextField label={label} type="number" min={0} step="any" help={help} value={typed[field]} onInput={(value) => onType(field, value)} />;
  const choices = (found: typeof models, chosen: string) => {
    const labels = (found.data?.groups ?? []).map((group) => group.label);
    return [...new Set([...labels, chosen])].filter(Boolean);
  };
  return (
    <div class="asked">
      {figure("hourly", words.hourly)}
      {figure("out", words.output, words.outputHelp)}
      {figure("in", words.input, words.inputHelp)}
      {figure("load", words.load, words.loadHelp)}
      <Field label={words.model}>{() => <ModelPicker label={words.model} none={text.common.all} models={choices(models, model).map((id) => ({ id }))} value={model} onChange={(value) => setQuery({ model: value })} />}</Field>
      <SelectField label={words.provider} value={provider} options={[{ value: "", label: text.common.all }, ...choices(providers, provider).map((value) => ({ value, label: value }))]} onChange={(value) => setQuery({ provider_id: value })} />
      <SelectField label={words.remote} help={words.remoteHelp} value={remote ? "remote" : ""} options={[{ value: "", label: words.remotes.paid }, { value: "remote", label: words.remotes.own }]} onChange={(value) => setQuery({ against: value })} />
      {remote && figure("rin", words.remoteInput)}
      {remote && figure("rout", words.remoteOutput)}
    </div>
  );
}

function Found({ view, gpu }: { view: BreakEven; gpu: Gpu }) {
  const words = text.usage.breakEven;
  const drawn = lines(view, gpu);
  return (
    <>
      <Verdict view={view} />
      <div class="grid-2 uneven">
        <Chart title={words.chart.title} axis={words.chart.axis} tall labels={drawn.tokens.map((n) => short(n))} exact={drawn.tokens} format={dollars} series={[{ name: words.chart.now, values: drawn.now }, { name: words.chart.gpus, values: drawn.gpus }]} mark={{ at: drawn.here, label: words.chart.here(short(view.tokens_per_day)) }} />
        <Figures view={view} />
      </div>
    </>
  );
}

function Verdict({ view }: { view: BreakEven }) {
  const words = text.usage.breakEven;
  const gpus = words.gpus(view.gpus);
  const cheaper = view.saved_usd > 0;
  const times = view.pays_from === null || view.tokens_per_day <= 0 ? 0 : view.pays_from / view.tokens_per_day;
  return (
    <section class={`verdict ${cheaper ? "ok" : "warn"}`} role="status">
      <strong>
        {view.cost_usd === 0 ? words.free
          : cheaper ? words.cheaper(gpus, dollars(view.gpu_cost_usd), dollars(view.cost_usd), dollars(view.saved_usd))
          : words.dearer(gpus, dollars(view.gpu_cost_usd), dollars(view.cost_usd), dollars(-view.saved_usd))}
      </strong>
      {view.cost_usd > 0 && <span>{view.pays_from === null ? words.never : words.paysFrom(short(Math.round(view.pays_from)), short(Math.round(view.tokens_per_day)), times > 1.05 ? words.factor(times < 10 ? decimal(times) : short(Math.round(times))) : "")}</span>}
      {view.unpriced > 0 && <span class="muted">{words.unpriced(short(view.unpriced))}</span>}
    </section>
  );
}

interface Row {
  name: string;
  now: string;
  gpu: string;
}

function Figures({ view }: { view: BreakEven }) {
  const words = text.usage.breakEven.figures;
  const rows: Row[] = [
    { name: words.perMillion, now: dollars(view.per_million_usd), gpu: dollars(view.gpu_per_million_usd) },
    { name: words.cost, now: dollars(view.cost_usd), gpu: dollars(view.gpu_cost_usd) },
    { name: words.full, now: "", gpu: dollars(view.full_gpu_cost_usd) },
    { name: words.needed, now: "", gpu: String(view.gpus) },
    { name: words.use, now: "", gpu: percent(view.use) },
    { name: words.tokens, now: short(Math.round(view.tokens_per_day)), gpu: "" },
    { name: words.paysFrom, now: "", gpu: view.pays_from === null ? "–" : short(Math.round(view.pays_from)) },
  ];
  const columns: Column<Row>[] = [
    { id: "name", header: text.usage.columns.figure, value: (row) => row.name, cell: (row) => row.name },
    { id: "now", header: words.paid, numeric: true, value: (row) => row.now, cell: (row) => row.now },
    { id: "gpu", header: words.gpu, numeric: true, value: (row) => row.gpu, cell: (row) => row.gpu },
  ];
  return (
    <Panel title={text.usage.breakEven.behind} flush actions={<CsvButton name="break-even" columns={columns} rows={rows} />}>
      <Table label={text.usage.columns.figure} columns={columns} rows={rows} rowKey={(row) => row.name} sorting={null} onSort={() => undefined} />
    </Panel>
  );
}
