/** API keys. */
import { useMemo, useState } from "preact/hooks";
import { apiKeys, users } from "../../api/collection";
import type { ApiKey, User } from "../../api/types";
import { Button } from "../../parts/button";
import { Listing } from "../../parts/listing";
import { Opened } from "../../parts/opened";
import { Page } from "../../parts/page";
import { Await, Empty } from "../../parts/states";
import { useLive } from "../../state/live";
import { useMatching } from "../../state/matching";
import { useResource } from "../../state/resource";
import { closeOver, openOver } from "../../state/router";
import { useSwitch } from "../../state/switching";
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
  useLive("changed", list.reload);
  return (
    <Page title={words.title} lead={words.lead} fill actions={<Button kind="primary" icon="plus" onClick={() => openOver({ open: "new" })}>{words.add}</Button>}>
      <Await of={list}>
        {(rows) => (
          <>
            <List rows={rows} people={people.data ?? []} reload={list.reload} />
            <Opened rows={rows}>{(row) => <KeyForm apiKey={row} people={people.data ?? []} onMade={setMade} onClose={() => closeOver("open")} onChange={list.reload} />}</Opened>
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
  const toggle = useSwitch(apiKeys, toInput, (row) => row.name, reload);
  const columns = useMemo(() => columnsOf(nameOf, toggle), [nameOf]);
  return (
    <>
      <Listing name="keys" sort="-created" words={words} columns={columns} rows={rows} found={found} />
      {rows.length <= 1 && <Empty icon="keys" title={words.emptyTitle}>{words.emptyLead}</Empty>}
    </>
  );
}
