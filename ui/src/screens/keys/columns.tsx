/** The columns of the table of keys. */
import type { ApiKey } from "../../api/types";
import { dollars, short } from "../../format/numbers";
import { toDate } from "../../format/times";
import { Badge, Meter } from "../../parts/badge";
import { RuleBadges } from "../../parts/confidentiality";
import { Switch } from "../../parts/field";
import type { Column } from "../../parts/table/column";
import { Time } from "../../parts/time";
import type { Toggle } from "../../state/switching";
import { text } from "../../text";

export function columnsOf(nameOf: Map<string, string>, toggle: Toggle<ApiKey>): Column<ApiKey>[] {
  const words = text.keys;
  return [
    { id: "name", header: words.columns.name, value: (row) => row.name, cell: (row) => <span class="cell-main"><span title={row.name}>{row.name}</span>{row.is_master && <Badge tone="accent">{words.master}</Badge>}<RuleBadges of={row} /></span> },
    { id: "key", header: words.columns.key, value: (row) => row.key, cell: (row) => <code>{row.key}</code> },
    { id: "owner", header: words.columns.owner, value: (row) => nameOf.get(row.user_id ?? "") ?? "", cell: (row) => nameOf.get(row.user_id ?? "") ?? <span class="faint">–</span> },
    { id: "models", header: words.columns.models, value: (row) => (row.allowed_models ?? []).join(" "), cell: (row) => <Models allowed={row.allowed_models ?? []} /> },
    { id: "limits", header: words.columns.limits, cell: (row) => <span class="muted">{limitsOf(row)}</span> },
    { id: "budget", header: words.columns.budget, value: (row) => row.budget_usd, width: "180px", cell: (row) => <Budget row={row} /> },
    { id: "expires", header: words.columns.expires, value: (row) => row.expires_at, cell: (row) => <Expiry at={row.expires_at} /> },
    { id: "used", header: words.columns.used, value: (row) => row.last_used_at, cell: (row) => (row.last_used_at ? <Time at={row.last_used_at} /> : <span class="muted">{text.common.never}</span>) },
    { id: "created", header: words.columns.created, value: (row) => row.created_at, cell: (row) => <Time at={row.created_at} /> },
    { id: "origin", header: words.columns.origin, extra: true, value: (row) => row.origin, cell: (row) => row.origin },
    { id: "enabled", header: words.columns.enabled, width: "64px", value: (row) => row.enabled ?? true, cell: (row) => <Switch hideLabel label={`${words.form.enabled}: ${row.name}`} checked={row.enabled ?? true} disabled={(row.version ?? 0) === 0} onChange={(on) => toggle(row, on)} /> },
  ];
}

function Models({ allowed }: { allowed: string[] }) {
  if (allowed.length === 0) return <span class="muted">{text.keys.allModels}</span>;
  return <code title={allowed.join("\n")}>{allowed.length > 2 ? text.keys.models(allowed.length) : allowed.join(", ")}</code>;
}

interface Limited {
  rpm?: number | null;
  tpm?: number | null;
  max_parallel?: number | null;
  budget_usd?: number | null;
  spent_usd?: number | null;
  budget_period?: string;
}

export function limitsOf(row: Limited): string {
  const words = text.keys;
  const parts = [row.rpm == null ? "" : words.rpm(short(row.rpm)), row.tpm == null ? "" : words.tpm(short(row.tpm)), row.max_parallel == null ? "" : words.parallel(short(row.max_parallel))];
  return parts.filter(Boolean).join(" · ") || "–";
}

export function Budget({ row }: { row: Limited }) {
  if (row.budget_usd == null) return <span class="muted">{row.spent_usd ? dollars(row.spent_usd) : "–"}</span>;
  const share = row.budget_usd > 0 ? (row.spent_usd ?? 0) / row.budget_usd : 1;
  return (
    <span class="budget" title={text.forms.periods[row.budget_period ?? "month"]}>
      <Meter value={share} label={text.forms.spent} tone={share >= 1 ? "bad" : share > 0.8 ? "warn" : "accent"} />
      <small>{text.forms.ofBudget(dollars(row.spent_usd ?? 0), dollars(row.budget_usd))}</small>
    </span>
  );
}

function Expiry({ at }: { at: string | null | undefined }) {
  const date = toDate(at);
  if (!date) return <span class="muted">{text.common.never}</span>;
  return date.getTime() < Date.now() ? <Badge tone="bad">{text.keys.expired}</Badge> : <Time at={at} />;
}
