/** One model in a drawer: its route, a dry run, the same as YAML. */
import { useMemo, useState } from "preact/hooks";
import { models } from "../../api/collection";
import type { ModelEntry, Provider } from "../../api/types";
import { toYaml } from "../../format/yaml";
import { Button } from "../../parts/button";
import { Code } from "../../parts/code";
import { DeleteDialog } from "../../parts/delete-dialog";
import { Dialog } from "../../parts/dialog";
import { NeedsKey } from "../../parts/needs-key";
import { ErrorPanel } from "../../parts/states";
import { Segments } from "../../parts/tabs";
import { query, setQuery } from "../../state/router";
import { useSaving } from "../../state/saving";
import { say } from "../../state/toasts";
import { text } from "../../text";
import { type Draft, draftOf, FIELDS, inputOf } from "./draft";
import { DryRun } from "./dry-run";
import { RouteForm } from "./route-form";
import { TargetStates } from "./target-states";

interface DrawerProps {
  entry: ModelEntry | undefined;
  rows: ModelEntry[];
  providers: Provider[];
  onClose: () => void;
  onChange: () => void;
}

type Tab = keyof typeof text.models.tabs;

export function ModelDrawer({ entry, rows, providers, onClose, onChange }: DrawerProps) {
  const words = text.models;
  const [draft, setDraft] = useState<Draft>(() => draftOf(entry));
  const [deleting, setDeleting] = useState(false);
  const saving = useSaving(FIELDS);
  const tab = (query.value.get("tab") ?? "edit") as Tab;
  const yaml = useMemo(() => toYaml({ models: { [draft.id || "name"]: inputOf({ ...draft }, entry) } }), [draft, entry]);
  const save = () => saving.run(async () => {
    const input = inputOf(draft, entry);
    const saved = entry ? await models.replace(entry, { ...input, id: entry.id }) : await models.create(input);
    say(entry ? text.forms.saved(saved.id) : text.forms.added(saved.id));
    onChange();
    onClose();
  });
  return (
    <Dialog
      title={entry ? words.form.editTitle(entry.id) : words.form.addTitle}
      width="drawer"
      onClose={onClose}
      footer={tab === "edit" && (
        <>
          {entry && (entry.version ?? 0) > 0 && <Button icon="trash" onClick={() => setDeleting(true)}>{words.form.remove}</Button>}
          <span class="grow" />
          <Button type="submit" form="model" kind="primary" busy={saving.busy}>{words.form.save}</Button>
        </>
      )}
    >
      {entry && <div><Segments label={words.title} value={tab} options={(Object.keys(words.tabs) as Tab[]).map((value) => ({ value, label: words.tabs[value] }))} onChange={(value) => setQuery({ tab: value === "edit" ? null : value })} /></div>}
      {tab === "edit" && (
        <form id="model" class="form" onSubmit={(event) => { event.preventDefault(); void save(); }}>
          {saving.error !== undefined && <ErrorPanel error={saving.error} />}
          {entry && entry.origin !== "database" && <p class="faint">{words.form.isDefault(entry.origin ?? "")}</p>}
          <RouteForm draft={draft} isNew={!entry} rows={rows} providers={providers} errorOf={saving.of} onChange={setDraft} />
        </form>
      )}
      {tab === "edit" && entry && <TargetStates entry={entry} />}
      {tab === "dryRun" && entry && <NeedsKey><DryRun model={entry.id} type={entry.type ?? "chat"} /></NeedsKey>}
      {tab === "yaml" && <Code>{yaml}</Code>}
      {deleting && entry && <DeleteDialog from={models} id={entry.id} name={entry.id} onClose={() => setDeleting(false)} onDone={() => { onChange(); onClose(); }} />}
    </Dialog>
  );
}
