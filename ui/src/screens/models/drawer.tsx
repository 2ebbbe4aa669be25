/** One model in a drawer: its route, a dry run, the same as YAML. */
import { useMemo, useRef, useState } from "preact/hooks";
import { models } from "../../api/collection";
import type { ModelEntry, ModelInput, Provider } from "../../api/types";
import { toYaml } from "../../format/yaml";
import { Button } from "../../parts/button";
import { Clashes } from "../../parts/clashes";
import { DeleteDialog } from "../../parts/delete-dialog";
import { Dialog } from "../../parts/dialog";
import { ErrorPanel } from "../../parts/states";
import { Segments } from "../../parts/tabs";
import { useYaml, YamlEditor } from "../../parts/yaml-editor";
import { query, setQuery } from "../../state/router";
import { useMerging } from "../../state/merging";
import { differs, useSaving } from "../../state/saving";
import { complain, say } from "../../state/toasts";
import { text } from "../../text";
import { type Draft, draftOf, draftOfInput, FIELDS, inputOf, toInput, writtenOf } from "./draft";
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

export function ModelDrawer({ entry: known, rows, providers, onClose, onChange }: DrawerProps) {
  const words = text.models;
  const [draft, setDraft] = useState<Draft>(() => draftOf(known));
  const [deleting, setDeleting] = useState(false);
  const saving = useSaving(FIELDS);
  const tab = (query.value.get("tab") ?? "edit") as Tab;
  const latest = useRef(draft);
  latest.current = draft;
  const take = (fields: ModelInput, id = latest.current.id) => {
    latest.current = draftOfInput(id, fields);
    setDraft(latest.current);
  };
  const merging = useMerging(models, known, (one) => ({ ...toInput(one), id: one.id }), (fields) => take(fields));
  const entry = merging.base;
  const yaml = useYaml("models", entry?.id ?? "", (read) => take(read.fields as ModelInput, read.id));
  const unsaved = yaml.typed !== null || differs(draft, draftOf(entry));
  const content = useMemo(() => toYaml({ models: { [draft.id || "name"]: writtenOf(draft) } }), [draft]);
  const go = async (to: Tab) => {
    if (tab !== "yaml" || (await yaml.settle())) setQuery({ tab: to === "edit" ? null : to });
  };
  const save = () => saving.run(async () => {
    if (!(await yaml.settle())) return;
    const saved = await merging.save({ ...inputOf(latest.current), id: entry ? entry.id : latest.current.id.trim() });
    if (!saved) return;
    say(entry ? text.forms.saved(saved.id) : text.forms.added(saved.id));
    onChange();
    onClose();
  });
  return (
    <Dialog
      title={entry ? words.form.editTitle(entry.id) : words.form.addTitle}
      width="drawer"
      named
      unsaved={unsaved}
      onClose={onClose}
      footer={tab !== "dryRun" && (
        <>
          {entry && (entry.version ?? 0) > 0 && <Button icon="trash" onClick={() => setDeleting(true)}>{words.form.remove}</Button>}
          <span class="grow" />
          {tab === "yaml"
            ? <Button kind="primary" busy={saving.busy} disabled={yaml.problems.length > 0} onClick={() => void save()}>{words.form.save}</Button>
            : <Button type="submit" form="model" kind="primary" busy={saving.busy}>{words.form.save}</Button>}
        </>
      )}
    >
      <div><Segments label={words.title} value={tab} options={(Object.keys(words.tabs) as Tab[]).filter((value) => entry || value !== "dryRun").map((value) => ({ value, label: words.tabs[value] }))} onChange={(value) => void go(value).catch(complain)} /></div>
      {tab !== "dryRun" && <Clashes clashes={merging.clashes} fields={inputOf(draft)} onTake={take} />}
      {tab === "edit" && (
        <form id="model" class="form" onSubmit={(event) => { event.preventDefault(); void save(); }}>
          {saving.error !== undefined && <ErrorPanel error={saving.error} />}
          {entry && entry.origin !== "database" && <p class="faint">{words.form.isDefault(entry.origin ?? "")}</p>}
          <RouteForm draft={draft} isNew={!entry} rows={rows} providers={providers} errorOf={saving.of} onChange={setDraft} />
        </form>
      )}
      {tab === "edit" && entry && <TargetStates entry={entry} />}
      {tab === "dryRun" && entry && <DryRun model={entry.id} type={entry.type ?? "chat"} />}
      {tab === "yaml" && saving.problem !== undefined && <ErrorPanel error={saving.problem} />}
      {tab === "yaml" && <YamlEditor of={yaml} content={content} label={words.tabs.yaml} />}
      {deleting && entry && <DeleteDialog from={models} id={entry.id} name={entry.id} onClose={() => setDeleting(false)} onDone={() => { onChange(); onClose(); }} />}
    </Dialog>
  );
}
