/** Models and routes: public names and where they lead. */
import { useMemo } from "preact/hooks";
import { models, providers } from "../../api/collection";
import type { ModelEntry } from "../../api/types";
import { Button } from "../../parts/button";
import { Select } from "../../parts/field";
import { Listing } from "../../parts/listing";
import { Opened } from "../../parts/opened";
import { Page } from "../../parts/page";
import { Await, Empty } from "../../parts/states";
import { useMatching } from "../../state/matching";
import { useResource } from "../../state/resource";
import { closeOver, openOver, query, setQuery } from "../../state/router";
import { useSwitch } from "../../state/switching";
import { text } from "../../text";
import { columnsOf } from "./columns";
import { toInput } from "./draft";
import { ModelDrawer } from "./drawer";

export default function ModelsScreen() {
  const words = text.models;
  const list = useResource("models", models.all);
  const upstreams = useResource("providers", providers.all);
  return (
    <Page title={words.title} lead={words.lead} fill actions={<Button kind="primary" icon="plus" onClick={() => openOver({ open: "new" })}>{words.add}</Button>}>
      <Await of={list}>
        {(rows) => (
          <>
            <List rows={rows} reload={list.reload} />
            <Opened rows={rows}>{(row) => <ModelDrawer entry={row} rows={rows} providers={upstreams.data ?? []} onClose={() => closeOver("open", "tab")} onChange={list.reload} />}</Opened>
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
  const toggle = useSwitch(models, (row) => ({ ...toInput(row), id: row.id }), (row) => row.id, reload);
  const columns = useMemo(() => columnsOf(toggle), []);
  const types = Object.entries(text.playground.model.types).map(([value, label]) => ({ value, label }));
  return (
    <Listing
      name="models"
      words={words}
      columns={columns}
      rows={rows}
      found={found}
      filters={<Select aria-label={words.columns.type} value={type} options={[{ value: "", label: words.allTypes }, ...types]} onChange={(value) => setQuery({ type: value })} />}
      empty={<Empty icon="models" title={words.emptyTitle}>{words.emptyLead}</Empty>}
    />
  );
}
