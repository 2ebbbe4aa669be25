/** The filters beside the table of the catalog. */
import { useState } from "preact/hooks";
import type { CatalogModel } from "../../api/catalog";
import { count } from "../../format/numbers";
import { Button } from "../../parts/button";
import { TextField } from "../../parts/field";
import { query, setQuery } from "../../state/router";
import { text } from "../../text";
import { clearFilters, counts, type Facet, isFiltered, NAMES, toggle, wanted } from "./facets";

const SHOWN = 7;

export function FacetPanel({ models }: { models: CatalogModel[] }) {
  const words = text.catalog;
  return (
    <aside class="facets" aria-label={words.filters}>
      {isFiltered() && <Button size="small" icon="close" onClick={clearFilters}>{text.table.clearFilters}</Button>}
      {NAMES.map((facet) => <Values key={facet} facet={facet} models={models} />)}
      <div class="form">
        <TextField label={words.minContext} type="number" min={0} step={1000} value={query.value.get("min_context") ?? ""} onInput={(value) => setQuery({ min_context: value })} placeholder="32000" />
        <TextField label={words.maxPrice} type="number" min={0} step="any" value={query.value.get("max_price") ?? ""} onInput={(value) => setQuery({ max_price: value })} placeholder="0.50" />
      </div>
    </aside>
  );
}

function Values({ facet, models }: { facet: Facet; models: CatalogModel[] }) {
  const words = text.catalog;
  const [all, setAll] = useState(false);
  const found = counts(models, facet);
  if (found.length === 0) return null;
  const chosen = wanted(facet);
  const named = facet === "tee" ? words.tee : facet === "hot" ? words.hot : facet === "type" ? text.playground.model.types : {};
  return (
    <fieldset>
      <legend>{words.facets[facet]}</legend>
      {(all ? found : found.slice(0, SHOWN)).map(([value, n]) => (
        <label key={value}>
          <input type="checkbox" checked={chosen.includes(value)} onChange={() => toggle(facet, value)} />
          <span class="truncate" title={value}>{named[value] ?? value}</span>
          <small class="numeric">{count(n)}</small>
        </label>
      ))}
      {found.length > SHOWN && !all && <button type="button" class="more" onClick={() => setAll(true)}>{words.more(found.length - SHOWN)}</button>}
    </fieldset>
  );
}
