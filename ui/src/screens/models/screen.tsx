/** Models and routes: public names and where they lead. */
import { useMemo } from "preact/hooks";
import { models, providers } from "../../api/collection";
import type { ModelEntry } from "../../api/types";
import { Button } from "../../parts/button";
import { Select } from "../../parts/field";
import { Page } from "../../parts/page";
import { Await, Empty } from "../../parts/states";
import { Table } from "../../parts/table/table";
import { ColumnChooser, CsvButton, SearchBox, Tools, useView } from "../../parts/table/tools";
import { useMatching } from "../../state/matching";
import { useResource } from "../../state/resource";
import { query, setQuery } from "../../state/router";
import { complain, say } from "../../state/toasts";
import { text } from "../../text";
import { columnsOf } from "./columns";
import { toInput } from "./draft";
import { ModelDrawer } from "./drawer";

export default function ModelsScreen() {
  const words = text.models;
  const list = useResource("models", models.all);
  const upstreams = useResource("providers", providers.all);
  const open = query.value.get("open");
  return (
    <Page title={words.title} lead={words.lead} fill actions={<Button kind="primary" icon="plus" onClick={() => setQuery({ open: "new" })}>{words.add}</Button>}>
      <Await of={list}>
        {(rows) => (
          <>
            <List rows={rows} reload={list.reload} />
            {open !== null && <ModelDrawer key={open} entry={rows.find((row) => row.id === open)} rows={rows} providers={upstreams.data ?? []} onClose={() => setQuery({ open: null, tab: null })} onChange={list.reload} />}
          </>
        )}
      </Await>
    </Page>
  );
}

function List({ rows, reload }: { rows: ModelEntry[]; reload: () => void }) {
  const words = text.models;
  const type = query.value.get("type") ?? "";
  const ofType = useMemo(() => (type ? rows.filter((row) => row.type === type) : rows), [rows, type]);
  const found = useMatching(ofType, (row) => [row.id, row.name, ...(row.aliases ?? []), ...row.targets.map((target) => `${target.provider_id}/${target.upstream_model}`)]);
  const toggle = async (row: ModelEntry, enabled: boolean) => {
    try {
      const changed = await models.replace(row, { ...toInput(row), id: row.id, enabled });
      say(enabled ? text.forms.enabled(row.id) : text.forms.disabled(row.id), { label: text.common.undo, run: () => void toggle(changed, !enabled) });
    } catch (error) {
      complain(error);
    }
    reload();
  };
  const columns = useMemo(() => columnsOf((row, on) => void toggle(row, on)), []);
  const view = useView("models", columns);
  return (
    <>
      <Tools shown={found.length} total={rows.length} unit={words.unit}>
        <SearchBox label={words.search} />
        <Select aria-label={words.columns.type} value={type} options={[{ value: "", label: words.allTypes }, ...Object.entries(text.playground.model.types).map(([value, label]) => ({ value, label }))]} onChange={(value) => setQuery({ type: value })} />
        <ColumnChooser view={view} />
        <CsvButton name="models" columns={columns} rows={found} />
      </Tools>
      <Table
        label={words.title}
        columns={view.columns}
        rows={found}
        rowKey={(row) => row.id}
        sorting={view.sorting}
        onSort={view.onSort}
        onOpen={(row) => setQuery({ open: row.id })}
        openKey={query.value.get("open")}
        rowTone={(row) => (row.enabled ? "" : "off")}
        fill
        paged
        empty={rows.length ? <Empty title={text.table.noMatch}>{text.table.noMatchNext}</Empty> : <Empty icon="models" title={words.emptyTitle}>{words.emptyLead}</Empty>}
      />
    </>
  );
}
