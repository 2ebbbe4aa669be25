/** API keys. */
import { useMemo, useState } from "preact/hooks";
import { apiKeys, users } from "../../api/collection";
import type { ApiKey, User } from "../../api/types";
import { Button } from "../../parts/button";
import { Page } from "../../parts/page";
import { Await, Empty } from "../../parts/states";
import { Table } from "../../parts/table/table";
import { ColumnChooser, CsvButton, SearchBox, Tools, useView } from "../../parts/table/tools";
import { useLive } from "../../state/live";
import { useMatching } from "../../state/matching";
import { useResource } from "../../state/resource";
import { query, setQuery } from "../../state/router";
import { complain, say } from "../../state/toasts";
import { text } from "../../text";
import { columnsOf } from "./columns";
import { toInput } from "./draft";
import { KeyForm } from "./form";
import { ShownKey } from "./shown-key";

export default function Keys() {
  const words = text.keys;
  const list = useResource("apikeys", apiKeys.all);
  const people = useResource("users", users.all);
  const [made, setMade] = useState<ApiKey | null>(null);
  const open = query.value.get("open");
  useLive("changed", list.reload);
  return (
    <Page title={words.title} lead={words.lead} fill actions={<Button kind="primary" icon="plus" onClick={() => setQuery({ open: "new" })}>{words.add}</Button>}>
      <Await of={list}>
        {(rows) => (
          <>
            <List rows={rows} people={people.data ?? []} reload={list.reload} />
            {open !== null && <KeyForm key={open} apiKey={rows.find((row) => row.id === open)} people={people.data ?? []} onMade={setMade} onClose={() => setQuery({ open: null })} onChange={list.reload} />}
          </>
        )}
      </Await>
      {made && <ShownKey made={made} onClose={() => setMade(null)} />}
    </Page>
  );
}

function List({ rows, people, reload }: { rows: ApiKey[]; people: User[]; reload: () => void }) {
  const words = text.keys;
  const nameOf = useMemo(() => new Map(people.map((user) => [user.id, user.username])), [people]);
  const found = useMatching(rows, (row) => [row.name, row.key, row.id, nameOf.get(row.user_id ?? ""), ...(row.allowed_models ?? [])]);
  const toggle = async (row: ApiKey, enabled: boolean) => {
    try {
      const changed = await apiKeys.replace(row, { ...toInput(row), enabled });
      say(enabled ? text.forms.enabled(row.name) : text.forms.disabled(row.name), { label: text.common.undo, run: () => void toggle(changed, !enabled) });
    } catch (error) {
      complain(error);
    }
    reload();
  };
  const columns = useMemo(() => columnsOf(nameOf, (row, on) => void toggle(row, on)), [nameOf]);
  const view = useView("keys", columns);
  return (
    <>
      <Tools shown={found.length} total={rows.length} unit={words.unit}>
        <SearchBox label={words.search} />
        <ColumnChooser view={view} />
        <CsvButton name="keys" columns={columns} rows={found} />
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
        empty={<Empty title={text.table.noMatch}>{text.table.noMatchNext}</Empty>}
      />
      {rows.length <= 1 && <Empty icon="keys" title={words.emptyTitle}>{words.emptyLead}</Empty>}
    </>
  );
}
