/** The columns of the table of models. */
import type { ModelEntry, TargetEntry } from "../../api/types";
import { Badge } from "../../parts/badge";
import { RuleBadges } from "../../parts/confidentiality";
import { Switch } from "../../parts/field";
import { Icon } from "../../parts/icon";
import type { Column } from "../../parts/table/column";
import { Time } from "../../parts/time";
import type { Toggle } from "../../state/switching";
import { text } from "../../text";

export function columnsOf(toggle: Toggle<ModelEntry>): Column<ModelEntry>[] {
  const words = text.models;
  return [
    { id: "id", header: words.columns.id, value: (row) => row.id, cell: (row) => <span class="cell-main"><span title={row.id}>{row.id}</span>{row.demo && <Badge>{words.demo}</Badge>}<RuleBadges of={row} /></span> },
    { id: "type", header: words.columns.type, value: (row) => row.type, cell: (row) => (row.type ? (text.playground.model.types[row.type] ?? row.type) : <span class="faint">–</span>) },
    { id: "targets", header: words.columns.targets, value: (row) => row.targets.map(nameOf).join(" "), cell: (row) => <Targets targets={row.targets} /> },
    { id: "policy", header: words.columns.policy, value: (row) => row.policy, cell: (row) => row.policy },
    { id: "sees", header: words.columns.sees, value: (row) => row.supports_image_upload ?? false, cell: (row) => row.supports_image_upload ? <span class="sees" role="img" aria-label={text.playground.model.sees} title={text.playground.model.sees}><Icon name="camera" size={14} /></span> : "" },
    { id: "aliases", header: words.columns.aliases, extra: true, value: (row) => (row.aliases ?? []).join(" "), cell: (row) => (row.aliases ?? []).join(", ") },
    { id: "origin", header: words.columns.origin, rest: true, value: (row) => row.origin, cell: (row) => <span class="muted" title={row.origin}>{row.origin}</span> },
    { id: "updated", header: words.columns.updated, extra: true, value: (row) => row.updated_at, cell: (row) => <Time at={row.updated_at} /> },
    { id: "enabled", header: words.columns.enabled, width: "64px", value: (row) => row.enabled, cell: (row) => <Switch hideLabel label={`${words.form.enabled}: ${row.id}`} checked={row.enabled} onChange={(on) => toggle(row, on)} /> },
  ];
}

function nameOf(target: TargetEntry): string {
  return target.engine || `${target.provider_id}/${target.upstream_model}`;
}

function Targets({ targets }: { targets: TargetEntry[] }) {
  const [first, ...more] = targets;
  if (!first) return null;
  return (
    <span class="cell-main" title={targets.map((target) => `${target.priority} · ${nameOf(target)}`).join("\n")}>
      <code class="truncate">{nameOf(first)}</code>
      {more.length > 0 && <Badge>{text.models.more(more.length)}</Badge>}
    </span>
  );
}
