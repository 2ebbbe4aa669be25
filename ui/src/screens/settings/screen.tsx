/** Settings: the value in force, where it comes from, and changing it. */
import { useMemo } from "preact/hooks";
import { settings } from "../../api/collection";
import type { Setting } from "../../api/types";
import { Badge } from "../../parts/badge";
import { Button } from "../../parts/button";
import { Value } from "../../parts/changes";
import { Icon } from "../../parts/icon";
import { Spans } from "../../parts/markdown/markdown";
import { Page } from "../../parts/page";
import { Await, Empty } from "../../parts/states";
import type { Column } from "../../parts/table/column";
import { Table } from "../../parts/table/table";
import { ColumnChooser, CsvButton, SearchBox, Tools, useView } from "../../parts/table/tools";
import { Tabs } from "../../parts/tabs";
import { useMatching } from "../../state/matching";
import { useResource } from "../../state/resource";
import { closeOver, openOver, query, setQuery, tabOf } from "../../state/router";
import { complain } from "../../state/toasts";
import { text } from "../../text";
import { Appearance } from "./appearance";
import { SettingForm } from "./form";
import { QuotaTab } from "./quota";

const TABS = ["values", "quota", "appearance"] as const;

export default function Settings() {
  const words = text.settings;
  const tab = tabOf(TABS);
  return (
    <Page title={words.title} lead={words.leads[tab]} fill={tab === "values"}>
      <Tabs label={words.title} items={TABS.map((name) => ({ to: name === "values" ? "/settings" : `/settings/${name}`, label: words.tabs[name], current: name === tab }))} />
      {tab === "quota" ? <QuotaTab /> : tab === "appearance" ? <Appearance /> : <Values />}
    </Page>
  );
}

function Values() {
  const list = useResource("settings", settings.all);
  const open = query.value.get("open");
  return (
    <Await of={list} rows={8}>
      {(rows) => {
        const setting = rows.find((row) => row.id === open);
        return (
          <>
            <List rows={rows} />
            {setting && <SettingForm key={setting.id} setting={setting} onClose={() => closeOver("open")} onChange={() => void settings.one(setting.id).then((fresh) => list.set(rows.map((row) => (row.id === fresh.id ? fresh : row))), complain)} />}
          </>
        );
      }}
    </Await>
  );
}

function columnsOf(): Column<Setting>[] {
  const words = text.settings.columns;
  return [
    { id: "id", header: words.id, value: (row) => row.id, cell: (row) => <span class="cell-main"><code>{row.id}</code>{!row.changeable && <span class="faint" role="img" aria-label={text.settings.fixed} title={text.settings.fixed}><Icon name="lock" size={12} /></span>}</span> },
    { id: "value", header: words.value, value: (row) => JSON.stringify(row.value), cell: (row) => <Value value={row.value} /> },
    { id: "origin", header: words.origin, value: (row) => row.origin, cell: (row) => <Badge tone={row.origin === "database" ? "accent" : "quiet"}>{row.origin}</Badge> },
    { id: "default", header: words.default, extra: true, value: (row) => JSON.stringify(row.default), cell: (row) => <Value value={row.default} /> },
    { id: "description", header: words.description, rest: true, value: (row) => row.description, cell: (row) => <span class="muted" title={row.description}><Spans source={row.description ?? ""} /></span> },
  ];
}

function List({ rows }: { rows: Setting[] }) {
  const words = text.settings;
  const changed = query.value.get("changed") === "1";
  const columns = useMemo(columnsOf, []);
  const view = useView("settings", columns);
  const chosen = useMemo(() => (changed ? rows.filter((row) => row.origin !== "default") : rows), [rows, changed]);
  const found = useMatching(chosen, (row) => [row.id, row.description, row.origin]);
  return (
    <>
      <Tools shown={found.length} total={rows.length} unit={words.unit}>
        <SearchBox label={words.search} />
        <Button icon="filter" pressed={changed} onClick={() => setQuery({ changed: changed ? null : "1" })}>{words.onlyChanged}</Button>
        <ColumnChooser view={view} />
        <CsvButton name="settings" columns={columns} rows={found} />
      </Tools>
      <Table label={words.title} columns={view.columns} rows={found} rowKey={(row) => row.id} sorting={view.sorting} onSort={view.onSort} onOpen={(row) => openOver({ open: row.id })} openKey={query.value.get("open")} fill paged empty={<Empty title={text.table.noMatch}>{text.table.noMatchNext}</Empty>} />
    </>
  );
}
