/** A user's own keys, limits, password and sessions. */
import { useMemo, useState } from "preact/hooks";
import { ask } from "../../api/client";
import type { ApiKey, Page as PageOf, User } from "../../api/types";
import { Button } from "../../parts/button";
import { Confirm, Dialog } from "../../parts/dialog";
import { AreaField, TextField } from "../../parts/field";
import { Page, Panel } from "../../parts/page";
import { Await, Empty, ErrorPanel } from "../../parts/states";
import { Table } from "../../parts/table/table";
import { useView } from "../../parts/table/tools";
import { useResource } from "../../state/resource";
import { useSaving } from "../../state/saving";
import { complain, say } from "../../state/toasts";
import { text } from "../../text";
import { Budget, columnsOf, limitsOf } from "../keys/columns";
import { ShownKey } from "../keys/shown-key";
import { fromLines } from "../../format/lines";

const HIDDEN = ["owner", "origin", "enabled"];

export default function MyKeys() {
  const words = text.mine;
  const list = useResource("mine", (signal) => ask<PageOf<ApiKey>>("/api/user/keys", { signal }));
  const me = useResource("me", (signal) => ask<User>("/api/user/me", { signal }));
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState<ApiKey | null>(null);
  const [removing, setRemoving] = useState<ApiKey | null>(null);
  const columns = useMemo(() => [
    ...columnsOf(new Map(), async () => false).filter((column) => !HIDDEN.includes(column.id)),
    { id: "remove", header: "", width: "60px", cell: (row: ApiKey) => <Button kind="ghost" size="small" icon="trash" label={`${text.common.remove} ${row.name}`} onClick={() => setRemoving(row)} /> },
  ], []);
  const view = useView("my-keys", columns);
  const remove = async () => {
    if (!removing) return;
    await ask(`/api/user/keys/${encodeURIComponent(removing.id)}`, { method: "DELETE" }).then(() => say(text.remove.done(removing.name)), complain);
    setRemoving(null);
    list.reload();
  };
  return (
    <Page title={words.keys} lead={words.keysLead} actions={<Button kind="primary" icon="plus" onClick={() => setAdding(true)}>{words.add}</Button>}>
      <Await of={list}>
        {({ data }) => <Table label={words.keys} columns={view.columns} rows={data} rowKey={(row) => row.id} sorting={view.sorting} onSort={view.onSort} empty={<Panel><Empty icon="keys" title={words.emptyKeys}>{words.emptyKeysLead}</Empty></Panel>} />}
      </Await>
      <Await of={me} rows={2}>
        {(user) => <Panel title={words.limits}><div class="row"><span>{limitsOf(user)}</span><Budget row={user} /></div></Panel>}
      </Await>
      {adding && <MakeKey onClose={() => setAdding(false)} onMade={(key) => { setAdding(false); setMade(key); list.reload(); }} />}
      {made && <ShownKey made={made} onClose={() => setMade(null)} />}
      {removing && <Confirm title={text.remove.title(removing.name)} action={text.remove.action} onConfirm={() => void remove()} onClose={() => setRemoving(null)}><p>{text.remove.final}</p></Confirm>}
    </Page>
  );
}

function MakeKey({ onMade, onClose }: { onMade: (key: ApiKey) => void; onClose: () => void }) {
  const words = text.keys.form;
  const [name, setName] = useState("");
  const [models, setModels] = useState("");
  const [expires, setExpires] = useState("");
  const saving = useSaving(["name", "allowed_models", "expires_at"]);
  const send = () => saving.run(async () => {
    const body = { name, allowed_models: fromLines(models), expires_at: expires ? new Date(expires).toISOString() : null };
    onMade(await ask<ApiKey>("/api/user/keys", { method: "POST", body }));
  });
  return (
    <Dialog title={words.addTitle} unsaved={`${name}${models}${expires}` !== ""} onClose={onClose} footer={<><Button onClick={onClose}>{text.common.cancel}</Button><Button type="submit" form="my-key" kind="primary" busy={saving.busy}>{words.make}</Button></>}>
      <form id="my-key" class="form" onSubmit={(event) => { event.preventDefault(); void send(); }}>
        {saving.error !== undefined && <ErrorPanel error={saving.error} />}
        <TextField label={words.name} value={name} required autofocus onInput={setName} error={saving.of("name")} />
        <AreaField label={text.forms.allowedModels} mono rows={2} value={models} onInput={setModels} error={saving.of("allowed_models")} help={text.forms.allowedModelsHelp} />
        <TextField label={words.expires} type="datetime-local" optional value={expires} onInput={setExpires} error={saving.of("expires_at")} />
      </form>
    </Dialog>
  );
}
