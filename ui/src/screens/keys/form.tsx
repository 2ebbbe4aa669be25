/** Making and editing a key, in a drawer. */
import { useState } from "preact/hooks";
import { apiKeys } from "../../api/collection";
import type { ApiKey, ApiKeyInput, User } from "../../api/types";
import { Button } from "../../parts/button";
import { Clashes } from "../../parts/clashes";
import { DeleteDialog } from "../../parts/delete-dialog";
import { Dialog } from "../../parts/dialog";
import { Confidentiality } from "../../parts/confidentiality";
import { AreaField, SelectField, Switch, TextField } from "../../parts/field";
import { Limits } from "../../parts/limits";
import { ErrorPanel } from "../../parts/states";
import { UsageStrip } from "../../parts/usage-strip";
import { useMerging } from "../../state/merging";
import { differs, useSaving } from "../../state/saving";
import { say } from "../../state/toasts";
import { text } from "../../text";
import { type Draft, draftOf, FIELDS, inputOf, OPERATIONS, toInput } from "./draft";
import { Rotate } from "./rotate";
import { Spent } from "./spent";

interface FormProps {
  apiKey: ApiKey | undefined;
  people: User[];
  onMade: (key: ApiKey) => void;
  onClose: () => void;
  onChange: () => void;
}

export function KeyForm({ apiKey: known, people, onMade, onClose, onChange }: FormProps) {
  const words = text.keys.form;
  const [draft, setDraft] = useState<Draft>(() => draftOf(known));
  const take = (fields: ApiKeyInput, base: ApiKey | undefined) => setDraft(draftOf({ ...base, ...fields } as ApiKey));
  const merging = useMerging(apiKeys, known, toInput, take);
  const apiKey = merging.base;
  const [asks, setAsks] = useState<"" | "delete" | "rotate">("");
  const saving = useSaving(FIELDS);
  const unsaved = differs(draft, draftOf(apiKey));
  const fixed = apiKey !== undefined && (apiKey.version ?? 0) === 0;
  const save = () => saving.run(async () => {
    const saved = await merging.save(inputOf(draft, apiKey));
    if (!saved) return;
    if (apiKey) say(text.forms.saved(draft.name));
    else onMade(saved);
    onChange();
    onClose();
  });
  const finish = () => {
    onChange();
    onClose();
  };
  return (
    <Dialog
      title={apiKey ? words.editTitle(apiKey.name) : words.addTitle}
      width="drawer"
      named
      unsaved={unsaved}
      onClose={onClose}
      footer={
        <>
          {apiKey && !apiKey.is_master && !fixed && <Button icon="trash" onClick={() => setAsks("delete")}>{words.remove}</Button>}
          {apiKey && (!fixed || apiKey.is_master) && <Button icon="refresh" onClick={() => setAsks("rotate")}>{words.rotate}</Button>}
          <span class="grow" />
          {!fixed && <Button type="submit" form="key" kind="primary" busy={saving.busy}>{apiKey ? words.save : words.make}</Button>}
        </>
      }
    >
      {apiKey && <UsageStrip filter={{ key_id: apiKey.id }} title={words.usage} />}
      {apiKey && <Spent resource="apikeys" of={apiKey} name={apiKey.name} onReset={finish} />}
      {fixed ? <p class="muted">{words.fixed(apiKey.origin ?? "")}</p> : (
        <form id="key" class="form" onSubmit={(event) => { event.preventDefault(); void save(); }}>
          {saving.error !== undefined && <ErrorPanel error={saving.error} />}
          <Clashes clashes={merging.clashes} fields={inputOf(draft, apiKey)} onTake={(fields) => take(fields, apiKey)} />
          <Fields draft={draft} set={(part) => setDraft((old) => ({ ...old, ...part }))} people={people} isNew={!apiKey} errorOf={saving.of} />
        </form>
      )}
      {asks === "delete" && apiKey && <DeleteDialog from={apiKeys} id={apiKey.id} name={apiKey.name} onClose={() => setAsks("")} onDone={finish} />}
      {asks === "rotate" && apiKey && <Rotate apiKey={apiKey} onClose={() => setAsks("")} onRotated={(made) => { onMade(made); finish(); }} />}
    </Dialog>
  );
}

interface FieldsProps {
  draft: Draft;
  set: (part: Partial<Draft>) => void;
  people: User[];
  isNew: boolean;
  errorOf: (field: string) => string | undefined;
}

function Fields({ draft, set, people, isNew, errorOf }: FieldsProps) {
  const words = text.keys.form;
  return (
    <>
      <div class="two">
        <TextField label={words.name} value={draft.name} required autofocus={isNew} placeholder={words.namePlaceholder} onInput={(name) => set({ name })} error={errorOf("name")} />
        <SelectField label={words.user} value={draft.user_id} error={errorOf("user_id")} options={[{ value: "", label: words.nobody }, ...people.map((user) => ({ value: user.id, label: user.username }))]} onChange={(user_id) => set({ user_id })} />
      </div>
      {isNew && <TextField label={words.custom} mono optional value={draft.key} onInput={(key) => set({ key })} error={errorOf("key")} help={words.customHelp} autocomplete="off" placeholder="sk-…" />}
      <AreaField label={text.forms.allowedModels} mono rows={3} value={draft.allowed_models} onInput={(allowed_models) => set({ allowed_models })} error={errorOf("allowed_models")} help={text.forms.allowedModelsHelp} placeholder={"gpt-*\ntext-embed"} />
      <TextField label={words.expires} type="datetime-local" optional value={draft.expires_at} onInput={(expires_at) => set({ expires_at })} error={errorOf("expires_at")} />
      <Confidentiality tee={draft.tee} data={draft.data} onChange={set} errorOf={errorOf} />
      <Limits value={draft.limits} onChange={(limits) => set({ limits })} errorOf={errorOf} />
      <Switch label={words.enabled} checked={draft.enabled} onChange={(enabled) => set({ enabled })} />
      <details open={["allowed_operations", "allowed_ips"].some((field) => errorOf(field) !== undefined)}>
        <summary>{text.forms.advanced}</summary>
        <div class="form">
          <fieldset class="operations">
            <legend>{words.operations}</legend>
            <p class="faint">{words.operationsHelp}</p>
            <div class="row">
              {OPERATIONS.map((name) => (
                <label key={name} class="check">
                  <input type="checkbox" checked={draft.allowed_operations.includes(name)} onChange={(event) => set({ allowed_operations: event.currentTarget.checked ? [...draft.allowed_operations, name] : draft.allowed_operations.filter((one) => one !== name) })} />
                  <code>{name}</code>
                </label>
              ))}
            </div>
          </fieldset>
          <AreaField label={words.ips} mono rows={2} value={draft.allowed_ips} onInput={(allowed_ips) => set({ allowed_ips })} error={errorOf("allowed_ips")} help={words.ipsHelp} placeholder="10.0.0.0/8" />
          <div><Switch label={words.storeBodies} help={words.storeBodiesHelp} checked={draft.store_bodies} onChange={(store_bodies) => set({ store_bodies })} /></div>
          <div><Switch label={words.cache} checked={draft.cache} onChange={(cache) => set({ cache })} /></div>
        </div>
      </details>
    </>
  );
}
