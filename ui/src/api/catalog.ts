/** The catalog: every model of every source, merged. Unknown values are null. */
import { ask, params, send } from "./client";

export interface CatalogPrice {
  usd: number | null;
  usd_max: number | null;
  tao: number | null;
  unit: string;
  at: number;
}

export interface Conflict {
  field: string;
  chosen: string;
  values: Record<string, unknown>;
}

export interface CatalogModel {
  id: string;
  name: string;
  canonical_slug: string;
  provider_slug: string;
  source_gateway: string;
  model_type: string;
  type: string | null;
  chute_id: string | null;
  chute_slug: string | null;
  base_url: string | null;
  tags: string[];
  hints: string[];
  tier: string | null;
  prices: Record<string, CatalogPrice>;
  architecture: { modality: string; input_modalities: string[]; output_modalities: string[] };
  description: string | null;
  hugging_face_id: string | null;
  created: number | string | null;
  template: string | null;
  quantization: string | null;
  context_length: number | null;
  max_output_length: number | null;
  tee: boolean | null;
  hot: boolean | null;
  instances: number | null;
  active_instances: number | null;
  concurrency: number | null;
  invocation_count: number | null;
  utilization: number | null;
  utilization_1h: number | null;
  rate_limit_ratio: number | null;
  ttft: number | null;
  tps: number | null;
  requests_per_day: number | null;
  gpus: string[];
  gpu_count: number | null;
  supported_features: string[];
  supported_parameters: string[];
  cords: unknown[];
  provider_site_url: string | null;
  model_logo_url: string | null;
  origins: string[];
  provenance: Record<string, string>;
  matches: Record<string, string>;
  conflicts: Conflict[];
  stale: Record<string, string>;
}

export interface CatalogPage {
  data: CatalogModel[];
  total: number;
  catalog_at: string | null;
}

export interface SourceReport {
  source: string;
  gateway: string;
  at: number;
  stale: string;
  rows: number;
  origin: number;
  unique: number;
  unmatched: number;
  ambiguous: number;
  rejected: number;
}

export interface Report {
  models: number;
  sources: SourceReport[];
  conflicts: (Conflict & { model: string })[];
  ambiguous: { source: string; row: string; method: string; candidates: string[] }[];
  unmatched: { source: string; row: string }[];
  rejected: { source: string; row: string; reason: string }[];
}

/** The values that a model had from `at` (milliseconds) on. */
export interface HistoryPoint {
  at: number;
  present: boolean;
  [field: string]: unknown;
}

export interface Change {
  kind: string;
  model: string;
  field?: string;
  before?: unknown;
  after?: unknown;
}

export interface Diff {
  from: string;
  to: string;
  versions: number[];
  total: number;
  changes: Change[];
}

const MOST = 10_000;

export function readCatalog(signal?: AbortSignal): Promise<CatalogPage> {
  return ask(`/catalog/models${params({ limit: MOST })}`, signal ? { signal } : {});
}

export function readModel(id: string, signal?: AbortSignal): Promise<CatalogModel & { history?: HistoryPoint[] }> {
  return ask(`/catalog/models/${id.split("/").map(encodeURIComponent).join("/")}?history=true`, signal ? { signal } : {});
}

/** What each source said of a model, as it came; `at` in milliseconds. */
export interface RawSource {
  source: string;
  at: number;
  records: unknown[];
}

export function readRaw(id: string, signal?: AbortSignal): Promise<{ sources: RawSource[] }> {
  return ask(`/catalog/models/${id.split("/").map(encodeURIComponent).join("/")}/raw`, signal ? { signal } : {});
}

export function readReport(signal?: AbortSignal): Promise<Report> {
  return ask("/catalog/report?matches=false", signal ? { signal } : {});
}

export function readDiff(from: string, to: string, signal?: AbortSignal): Promise<Diff> {
  return ask(`/catalog/diff${params({ from, to })}`, signal ? { signal } : {});
}

export async function refreshCatalog(): Promise<void> {
  await send("/catalog/refresh", { method: "POST" });
}

export function usd(model: CatalogModel, kind: string): number | null {
  return model.prices[kind]?.usd ?? null;
}
