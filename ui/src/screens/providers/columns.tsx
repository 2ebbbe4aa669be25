/** The columns of the table of providers. */
import type { Provider, TestResult } from "../../api/types";
import { count, duration } from "../../format/numbers";
import { Badge, Status } from "../../parts/badge";
import { Button } from "../../parts/button";
import { Switch } from "../../parts/field";
import type { Column } from "../../parts/table/column";
import { verdictText } from "../../parts/test-verdict";
import { Time } from "../../parts/time";
import type { Toggle } from "../../state/switching";
import { text } from "../../text";

export type Tested = "asking" | TestResult;

interface Actions {
  tested: Record<string, Tested>;
  test: (row: Provider) => void;
  toggle: Toggle<Provider>;
}

export function columnsOf({ tested, test, toggle }: Actions): Column<Provider>[] {
  const words = text.providers;
  return [
    { id: "name", header: words.columns.name, value: (row) => row.name || row.id, cell: (row) => <span class="cell-main"><span>{row.name || row.id}</span>{row.name && row.name !== row.id && <small>{row.id}</small>}</span> },
    { id: "type", header: words.columns.type, value: (row) => row.type, cell: (row) => words.types[row.type] ?? row.type },
    { id: "url", header: words.columns.url, value: (row) => row.base_url, cell: (row) => <code>{row.base_url}</code> },
    { id: "key", header: words.columns.key, value: (row) => (row.api_keys ?? []).length, cell: (row) => <Keys row={row} /> },
    { id: "status", header: words.columns.status, value: (row) => row.status, cell: (row) => <Status tone={row.status === "enabled" ? "ok" : row.enabled ? "warn" : "quiet"}>{row.status}</Status> },
    { id: "used", header: words.columns.usedBy, numeric: true, value: (row) => (row.used_by ?? []).length, cell: (row) => <span title={(row.used_by ?? []).join("\n")}>{words.modelCount(count((row.used_by ?? []).length))}</span> },
    { id: "origin", header: words.columns.origin, extra: true, value: (row) => row.origin, cell: (row) => row.origin },
    { id: "updated", header: words.columns.updated, extra: true, value: (row) => row.updated_at, cell: (row) => <Time at={row.updated_at} /> },
    { id: "test", header: words.columns.test, width: "190px", cell: (row) => <Test verdict={tested[row.id]} onTest={() => test(row)} /> },
    { id: "enabled", header: words.columns.enabled, width: "64px", value: (row) => row.enabled, cell: (row) => <Switch hideLabel label={`${words.form.enabled}: ${row.name || row.id}`} checked={row.enabled} onChange={(on) => toggle(row, on)} /> },
  ];
}

function Keys({ row }: { row: Provider }) {
  const words = text.providers;
  const keys = row.api_keys ?? [];
  if (keys.length === 0) return <span class="faint">{words.noKey}</span>;
  return <code title={keys.join("\n")}>{keys.length > 1 ? words.keys(keys.length) : keys[0]}</code>;
}

function Test({ verdict, onTest }: { verdict: Tested | undefined; onTest: () => void }) {
  const words = text.providers;
  return (
    <span class="row nowrap tight">
      <Button size="small" icon="bolt" busy={verdict === "asking"} onClick={onTest}>{words.columns.test}</Button>
      {verdict && verdict !== "asking" && <Badge tone={verdict.ok ? "ok" : "bad"} title={verdictText(verdict)}><span class="truncate">{verdict.ok ? `✓ ${duration(verdict.ms)}` : `✕ ${verdictText(verdict)}`}</span></Badge>}
    </span>
  );
}
