/** One model of the catalog, with all that is known of it and where from. */
import { useState } from "preact/hooks";
import { type CatalogModel, type HistoryPoint, readModel } from "../../api/catalog";
import { exact } from "../../format/times";
import { sampleFor } from "../../format/samples";
import { price } from "../../format/numbers";
import { Badge } from "../../parts/badge";
import { Button } from "../../parts/button";
import { Value } from "../../parts/changes";
import { Code } from "../../parts/code";
import { Dialog } from "../../parts/dialog";
import { Icon } from "../../parts/icon";
import { Snippets } from "../../parts/snippets";
import { Await } from "../../parts/states";
import { useResource } from "../../state/resource";
import { session } from "../../state/session";
import { text } from "../../text";
import { AddModel } from "./add-model";
import { columnsOf } from "./columns";
import { PriceHistory } from "./price-history";
import { RawRecords } from "./raw";

const LEFT_OUT = ["name", "input", "out", "cache", "hour"];

export function Detail({ id, onClose }: { id: string; onClose: () => void }) {
  const words = text.catalog.detail;
  const found = useResource(id, (signal) => readModel(id, signal));
  const [adding, setAdding] = useState(false);
  return (
    <Dialog title={found.data?.name ?? id} width="drawer" named onClose={onClose} footer={session.value?.role === "admin" && found.data && <Button kind="primary" icon="plus" onClick={() => setAdding(true)}>{words.add}</Button>}>
      <Await of={found}>{(model) => <Body model={model} />}</Await>
      {adding && found.data && <AddModel model={found.data} onClose={() => setAdding(false)} />}
    </Dialog>
  );
}

function Body({ model }: { model: CatalogModel & { history?: HistoryPoint[] } }) {
  const words = text.catalog.detail;
  const columns = columnsOf({ picked: new Set(), pick: () => undefined }).filter((column) => !LEFT_OUT.includes(column.id));
  const { history, ...record } = model;
  return (
    <>
      <div class="row">{model.model_logo_url && <img class="mark" src={model.model_logo_url} alt="" width={24} height={24} />}<code class="wrap">{model.id}</code>{[...model.tags, ...model.hints].map((tag) => <Badge key={tag}>{tag}</Badge>)}</div>
      {model.description && <p class="muted wrap">{model.description}</p>}
      <div class="row">
        {model.provider_site_url && <a href={model.provider_site_url} target="_blank" rel="noreferrer noopener">{words.site}</a>}
        {model.hugging_face_id && <a href={`https://huggingface.co/${model.hugging_face_id}`} target="_blank" rel="noreferrer noopener">{words.huggingFace}</a>}
      </div>
      {Object.entries(model.stale).map(([source, why]) => <p key={source} class="hint warn"><Icon name="info" /><span>{words.stale(source, why)}</span></p>)}
      <h3>{words.prices}</h3>
      <Prices model={model} />
      <h3>{words.history}</h3>
      <PriceHistory history={history ?? []} />
      <h3>{words.facts}</h3>
      <dl class="facts two-columns">
        {columns.map((column) => [<dt key={`${column.id} name`}>{column.header}</dt>, <dd key={column.id}>{column.cell(model)}</dd>])}
      </dl>
      {model.conflicts.length > 0 && <Conflicts model={model} />}
      <details><summary>{words.code}</summary><Snippets {...sampleFor(model.type, `${model.source_gateway}/${model.canonical_slug}`)} /></details>
      <details><summary>{words.provenance}</summary><dl class="facts">{Object.entries(model.provenance).map(([field, source]) => [<dt key={`${field} name`}>{field}</dt>, <dd key={field}>{source}</dd>])}</dl></details>
      <RawRecords id={model.id} />
      <details><summary>{words.raw}</summary><Code>{JSON.stringify(record, null, 2)}</Code></details>
    </>
  );
}

function Prices({ model }: { model: CatalogModel }) {
  const words = text.catalog.detail;
  const entries = Object.entries(model.prices);
  if (entries.length === 0) return <p class="muted">{words.noPrices}</p>;
  return (
    <div class="table-box plain" tabIndex={0} role="region" aria-label={words.prices}>
      <table class="table">
        <thead><tr><th scope="col">{words.kind}</th><th scope="col" class="numeric">USD</th><th scope="col" class="numeric">TAO</th><th scope="col">{words.said}</th></tr></thead>
        <tbody>
          {entries.map(([kind, one]) => (
            <tr key={kind}>
              <td>{words.kinds[kind] ?? kind} <span class="faint">{words.per(one.unit)}</span></td>
              <td class="numeric">{price(one.usd)}{one.usd_max !== null && ` – ${price(one.usd_max)}`}</td>
              <td class="numeric">{one.tao === null ? "–" : one.tao.toPrecision(3)}</td>
              <td class="muted">{one.at ? exact(one.at / 1000) : "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Conflicts({ model }: { model: CatalogModel }) {
  const words = text.catalog.detail;
  return (
    <section class="stack tight">
      <h3>{words.conflicts}</h3>
      <dl class="facts">
        {model.conflicts.map((one) => [
          <dt key={`${one.field} name`}>{one.field}</dt>,
          <dd key={one.field}>{Object.entries(one.values).map(([source, value]) => <div key={source}>{source}: <Value value={value} /> {source === one.chosen && <Badge tone="accent">{words.chosen}</Badge>}</div>)}</dd>,
        ])}
      </dl>
    </section>
  );
}
