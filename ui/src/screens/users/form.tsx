/** Adding and editing a user, in a drawer. */
import { useState } from "preact/hooks";
import { users } from "../../api/collection";
import type { User, UserInput } from "../../api/types";
import { Button } from "../../parts/button";
import { Clashes } from "../../parts/clashes";
import { DeleteDialog } from "../../parts/delete-dialog";
import { Dialog } from "../../parts/dialog";
import { AreaField, SecretField, SelectField, Switch, TextField } from "../../parts/field";
import { Limits } from "../../parts/limits";
import { ErrorPanel } from "../../parts/states";
import { UsageStrip } from "../../parts/usage-strip";
import { useMerging } from "../../state/merging";
import { differs, useSaving } from "../../state/saving";
import { say } from "../../state/toasts";
import { text } from "../../text";
import { Spent } from "../keys/spent";
import { type Draft, draftOf, FIELDS, inputOf, toInput } from "./draft";

export function UserForm({ user: known, onClose, onChange }: { user: User | undefined; onClose: () => void; onChange: () => void }) {
  const words = text.users.form;
  const [draft, setDraft] = useState<Draft>(() => draftOf(known));
  const take = (fields: UserInput) => setDraft(({ password }) => ({ ...draftOf(fields as User), password }));
  const merging = useMerging(users, known, toInput, take);
  const user = merging.base;
  const [deleting, setDeleting] = useState(false);
  const saving = useSaving(FIELDS);
  const unsaved = differs(draft, draftOf(user));
  const set = (part: Partial<Draft>) => setDraft((old) => ({ ...old, ...part }));
  const finish = () => {
    onChange();
    onClose();
  };
  const save = () => saving.run(async () => {
    if (!(await merging.save(inputOf(draft)))) return;
    say(user ? text.forms.saved(draft.username) : text.forms.added(draft.username));
    finish();
  });
  return (
    <Dialog
      title={user ? words.editTitle(user.username) : words.addTitle}
      width="drawer"
      named
      unsaved={unsaved}
      onClose={onClose}
      footer={
        <>
          {user && <Button icon="trash" onClick={() => setDeleting(true)}>{words.remove}</Button>}
          <span class="grow" />
          <Button type="submit" form="user" kind="primary" busy={saving.busy}>{words.save}</Button>
        </>
      }
    >
      {user && <UsageStrip filter={{ user_id: user.id }} title={text.keys.form.usage} />}
      {user && <Spent resource="users" of={user} name={user.username} onReset={finish} />}
      <form id="user" class="form" onSubmit={(event) => { event.preventDefault(); void save(); }}>
        {saving.error !== undefined && <ErrorPanel error={saving.error} />}
        <Clashes clashes={merging.clashes} fields={inputOf(draft)} onTake={take} />
        <div class="two">
          <TextField label={words.username} value={draft.username} required autofocus={!user} autocomplete="off" onInput={(username) => set({ username })} error={saving.of("username")} />
          <SelectField label={words.role} value={draft.role} error={saving.of("role")} options={Object.entries(text.users.roles).map(([value, label]) => ({ value, label }))} onChange={(role) => set({ role })} />
        </div>
        <SecretField label={user ? words.newPassword : words.password} required={!user} autocomplete="new-password" value={draft.password} onInput={(password) => set({ password })} error={saving.of("password")} help={user ? words.keepPassword : words.passwordHelp} />
        <AreaField label={text.forms.allowedModels} mono rows={2} value={draft.allowed_models} onInput={(allowed_models) => set({ allowed_models })} error={saving.of("allowed_models")} help={text.forms.allowedModelsHelp} />
        <Limits value={draft.limits} onChange={(limits) => set({ limits })} errorOf={saving.of} />
        <Switch label={words.enabled} help={words.enabledHelp} checked={draft.enabled} onChange={(enabled) => set({ enabled })} />
      </form>
      {deleting && user && <DeleteDialog from={users} id={user.id} name={user.username} onClose={() => setDeleting(false)} onDone={finish} />}
    </Dialog>
  );
}
