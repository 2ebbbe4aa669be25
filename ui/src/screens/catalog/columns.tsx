/** The columns of the catalog. */
import { type CatalogModel, usd } from "../../api/catalog";
import { count, decimal, duration, percent, price, short } from "../../format/numbers";
import { Badge, Status } from "../../parts/badge";
import { Icon } from "../../parts/icon";
import type { Column } from "../../parts/table/column";
import { Time } from "../../parts/time";
import { text } from "../../text";

type Picker = { picked: Set<string>; pick: (id: string) => void };

function figure(id: keyof typeof text.catalog.columns, value: (row: CatalogModel) => number | null, show: (value: number | null) => string, extra = false): Column<CatalogModel> {
  return { id, header: text.catalog.columns[id], numeric: true, value, cell: (row) => show(value(row)), extra };
}

/** Prices come per unit; a sort by price puts what costs nothing first. */
function priced(id: "input" | "out" | "cache" | "hour", kind: string, extra = false): Column<CatalogModel> {
  return figure(id, (row) => usd(row, kind), price, extra);
}

export function columnsOf({ picked, pick }: Picker): Column<CatalogModel>[] {
  const words = text.catalog;
  const names = words.columns;
  return [
    {
      id: "name",
      header: names.name,
      value: (row) => row.id,
      cell: (row) => (
        <span class="cell-main">
          <input type="checkbox" aria-label={words.pick(row.id)} checked={picked.has(row.id)} onChange={() => pick(row.id)} />
          <span class="truncate" title={row.id}>{row.name}</span>
          {row.architecture.input_modalities.includes("image") && <span class="sees" role="img" aria-label={text.playground.model.sees} title={text.playground.model.sees}><Icon name="camera" size={14} /></span>}
          {row.conflicts.length > 0 && <span class="sees" role="img" aria-label={words.detail.conflicts} title={words.detail.conflicts}><Icon name="warn" size={13} /></span>}
        </span>
      ),
    },
    { id: "provider", header: names.provider, value: (row) => row.provider_slug, cell: (row) => <span class="muted">{row.provider_slug}</span> },
    { id: "gateway", header: names.gateway, value: (row) => row.source_gateway, cell: (row) => <Badge>{row.source_gateway}</Badge> },
    { id: "type", header: names.type, value: (row) => row.type ?? row.model_type, cell: (row) => text.playground.model.types[row.type ?? ""] ?? row.type ?? row.model_type },
    { id: "modality", header: names.modality, extra: true, value: (row) => row.architecture.modality, cell: (row) => row.architecture.modality },
    figure("context", (row) => row.context_length, short),
    figure("output", (row) => row.max_output_length, short, true),
    priced("input", "input"),
    priced("out", "output"),
    priced("cache", "cache_read", true),
    priced("hour", "hour"),
    { id: "quantization", header: names.quantization, value: (row) => row.quantization, cell: (row) => row.quantization ?? "–" },
    { id: "features", header: names.features, value: (row) => row.supported_features.join(" "), cell: (row) => <span class="muted" title={row.supported_features.join(", ")}>{row.supported_features.join(", ") || "–"}</span> },
    { id: "hot", header: names.hot, value: (row) => row.hot, cell: (row) => (row.hot === null ? <span class="faint">–</span> : <Status tone={row.hot ? "ok" : "quiet"}>{words.hot[String(row.hot)]}</Status>) },
    { id: "tee", header: names.tee, value: (row) => row.tee, cell: (row) => (row.tee === null ? <span class="faint">–</span> : row.tee ? <Badge tone="ok">TEE</Badge> : text.common.no) },
    figure("instances", (row) => row.active_instances ?? row.instances, count),
    figure("utilization", (row) => row.utilization, (value) => percent(value, 0)),
    figure("ttft", (row) => row.ttft, (value) => duration(value === null ? null : value * 1000), true),
    figure("tps", (row) => row.tps, (value) => decimal(value, 0), true),
    figure("requests", (row) => row.requests_per_day, short, true),
    { id: "tier", header: names.tier, value: (row) => row.tier, cell: (row) => row.tier ?? "–" },
    { id: "gpus", header: names.gpus, extra: true, value: (row) => row.gpus.join(" "), cell: (row) => <span title={row.gpus.join(", ")}>{row.gpus.join(", ") || "–"}</span> },
    { id: "created", header: names.created, extra: true, value: (row) => row.created, cell: (row) => <Time at={row.created} /> },
    { id: "origins", header: names.origins, extra: true, value: (row) => row.origins.join(" "), cell: (row) => <span class="muted">{row.origins.join(", ")}</span> },
  ];
}
