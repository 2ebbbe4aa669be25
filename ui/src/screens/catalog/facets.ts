/** Facets of the catalog: the values of each, how many models have them, and which of them are asked for. */
import { type CatalogModel, usd } from "../../api/catalog";
import { query, setQuery } from "../../state/router";

export type Facet = "type" | "input" | "output" | "feature" | "quantization" | "tier" | "tee" | "hot" | "gateway" | "provider";

export const FACETS: Record<Facet, (model: CatalogModel) => string[]> = {
  type: (model) => [model.type ?? model.model_type],
  input: (model) => model.architecture.input_modalities,
  output: (model) => model.architecture.output_modalities,
  feature: (model) => model.supported_features,
  quantization: (model) => (model.quantization ? [model.quantization] : []),
  tier: (model) => (model.tier ? [model.tier] : []),
  tee: (model) => (model.tee === null ? [] : [String(model.tee)]),
  hot: (model) => (model.hot === null ? [] : [String(model.hot)]),
  gateway: (model) => [model.source_gateway],
  provider: (model) => [model.provider_slug],
};

export const NAMES = Object.keys(FACETS) as Facet[];

export function wanted(facet: Facet): string[] {
  return (query.value.get(facet) ?? "").split(",").filter(Boolean);
}

export function toggle(facet: Facet, value: string): void {
  const chosen = wanted(facet);
  const next = chosen.includes(value) ? chosen.filter((one) => one !== value) : [...chosen, value];
  setQuery({ [facet]: next.join(",") });
}

/** Within a facet any of the values fits; facets must all fit. `except` is left out, to count its values. */
export function filter(models: CatalogModel[], except?: Facet): CatalogModel[] {
  const asked = NAMES.filter((name) => name !== except).map((name) => ({ pick: FACETS[name], values: new Set(wanted(name)) })).filter((one) => one.values.size > 0);
  const context = Number(query.value.get("min_context") ?? 0);
  const price = query.value.get("max_price");
  return models.filter((model) => {
    if (context > 0 && (model.context_length ?? 0) < context) return false;
    if (price !== null) {
      const input = usd(model, "input");
      if (input === null || input > Number(price)) return false;
    }
    return asked.every((one) => one.pick(model).some((value) => one.values.has(value)));
  });
}

export function counts(models: CatalogModel[], facet: Facet): [string, number][] {
  const found = new Map<string, number>();
  for (const model of filter(models, facet)) for (const value of FACETS[facet](model)) found.set(value, (found.get(value) ?? 0) + 1);
  for (const value of wanted(facet)) if (!found.has(value)) found.set(value, 0);
  return [...found].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
}

export function isFiltered(): boolean {
  return NAMES.some((name) => query.value.has(name)) || query.value.has("min_context") || query.value.has("max_price") || query.value.has("q");
}

export function clearFilters(): void {
  setQuery(Object.fromEntries([...NAMES, "min_context", "max_price", "q"].map((name) => [name, null])));
}
