/** Adding and editing a provider, in a drawer. */
import { useMemo, useRef, useState } from "preact/hooks";
import { providers } from "../../api/collection";
import { testProvider } from "../../api/providers";
import type { Provider, ProviderInput, TestResult } from "../../api/types";
import { Button } from "../../parts/button";
import { Clashes } from "../../parts/clashes";
import { DeleteDialog } from "../../parts/delete-dialog";
import { Dialog } from "../../parts/dialog";
import { AreaField, SecretField, SelectField, Switch, TextField } from "../../parts/field";
import { ErrorPanel } from "../../parts/states";
import { Segments } from "../../parts/tabs";
import { TestVerdict } from "../../parts/test-verdict";
import { useYaml, YamlEditor } from "../../parts/yaml-editor";
import { toYaml } from "../../format/yaml";
import { query, setQuery } from "../../state/router";
import { useMerging } from "../../state/merging";
import { differs, useSaving } from "../../state/saving";
import { complain, say } from "../../state/toasts";
import { text } from "../../text";
import { type Draft, draftOf, draftOfInput, FIELDS, inputOf, toInput, writtenOf } from "./draft";
import { Health } from "./health";
import { ModelLines } from "./model-lines";

interface FormProps {
  /** None: a new one is added. */
  provider: Provider | undefined;
  onClose: () => void;
  onChange: () => void;
}

type Tab = keyof typeof text.providers.tabs;

export function ProviderForm({ provider: known, onClose, onChange }: FormProps) {
  const words = text.providers.form;
  const [draft, setDraft] = useState<Draft>(() => draftOf(known));
  const [result, setResult] = useState<TestResult | null>(null);
  const [deleting, setDeleting] = useState(false);
  const saving = useSaving(FIELDS);
  const set = (part: Partial<Draft>) => setDraft((old) => ({ ...old, ...part }));

  const tab = (query.value.get("tab") ?? "edit") as Tab;
  const latest = useRef(draft);
  latest.current = draft;
  const take = (fields: ProviderInput, id = latest.current.id) => {
    latest.current = draftOfInput(id, fields);
    setDraft(latest.current);
  };
  const merging = useMerging(providers, known, toInput, (fields) => take(fields));
  const provider = merging.base;
  const yaml = useYaml("providers", provider?.id ?? "", (read) => take(read.fields as ProviderInput, read.id));
  const unsaved = yaml.typed !== null || differs(draft, draftOf(provider));
  const content = useMemo(() => toYaml({ providers: { [draft.id || "name"]: writtenOf(draft) } }), [draft]);
  const go = async (to: Tab) => {
    if (tab !== "yaml" || (await yaml.settle())) setQuery({ tab: to === "edit" ? null : to });
  };

  const save = (test: boolean) => saving.run(async () => {
    if (!(await yaml.settle())) return;
    const id = latest.current.id.trim();
    const input = { ...inputOf(latest.current), ...(id ? { id } : {}) };
    const saved = await merging.save(input);
    if (!saved) return;
    say(provider ? text.forms.saved(saved.name || saved.id) : text.forms.added(saved.name || saved.id));
    onChange();
    if (!test) return onClose();
    setDraft(draftOf(saved));
    setResult(await testProvider(saved.id));
  });
  const name = provider ? provider.name || provider.id : "";
  return (
    <Dialog
      title={provider ? words.editTitle(name) : words.addTitle}
      width="drawer"
      named
      unsaved={unsaved}
      onClose={onClose}
      footer={tab !== "health" && (
        <>
          {provider && <Button icon="trash" onClick={() => setDeleting(true)}>{words.remove}</Button>}
          <span class="grow" />
          <Button icon="bolt" busy={saving.busy} disabled={tab === "yaml" && yaml.problems.length > 0} onClick={() => void save(true)}>{words.saveAndTest}</Button>
          {tab === "yaml"
            ? <Button kind="primary" busy={saving.busy} disabled={yaml.problems.length > 0} onClick={() => void save(false)}>{words.save}</Button>
            : <Button type="submit" form="provider" kind="primary" busy={saving.busy}>{words.save}</Button>}
        </>
      )}
    >
      <div><Segments label={text.providers.title} value={tab} options={(Object.keys(text.providers.tabs) as Tab[]).filter((value) => provider || value !== "health").map((value) => ({ value, label: text.providers.tabs[value] }))} onChange={(value) => void go(value).catch(complain)} /></div>
      {tab === "health" && provider && <Health id={provider.id} />}
      {tab !== "health" && <Clashes clashes={merging.clashes} fields={inputOf(draft)} onTake={take} />}
      {tab === "yaml" && saving.problem !== undefined && <ErrorPanel error={saving.problem} />}
      {tab === "yaml" && result && <TestVerdict result={result} />}
      {tab === "yaml" && <YamlEditor of={yaml} content={content} label={text.providers.tabs.yaml} />}
      {tab === "edit" && <form id="provider" class="form" onSubmit={(event) => { event.preventDefault(); void save(false); }}>
        {saving.error !== undefined && <ErrorPanel error={saving.error} />}
        {result && <TestVerdict result={result} />}
        {provider && provider.origin !== "database" && <p class="faint">{text.forms.from(provider.origin)}</p>}
        <Main draft={draft} set={set} isNew={!provider} errorOf={saving.of} />
        {draft.modelMap ? <p class="faint">{words.modelsAsMap}</p> : <ModelLines lines={draft.models} error={saving.of("models")} onChange={(models) => set({ models })} />}
        <More draft={draft} set={set} errorOf={saving.of} />
      </form>}
      {deleting && provider && <DeleteDialog from={providers} id={provider.id} name={name} onClose={() => setDeleting(false)} onDone={() => { onChange(); onClose(); }} />}
    </Dialog>
  );
}

interface PartProps {
  draft: Draft;
  set: (part: Partial<Draft>) => void;
  errorOf: (field: string) => string | undefined;
}

function Main({ draft, set, isNew, errorOf }: PartProps & { isNew: boolean }) {
  const words = text.providers.form;
  return (
    <>
      <div class="two">
        <TextField label={words.name} value={draft.name} onInput={(name) => set({ name })} error={errorOf("name")} autofocus={isNew} placeholder="Groq" />
        <TextField label={words.id} mono optional={isNew} value={draft.id} disabled={!isNew} onInput={(id) => set({ id })} error={errorOf("id")} help={words.idHelp} />
      </div>
      <div class="two">
        <SelectField label={words.type} value={draft.type} error={errorOf("type")} options={Object.entries(text.providers.types).map(([value, label]) => ({ value, label }))} onChange={(type) => set({ type })} />
        <TextField label={words.url} mono value={draft.base_url} onInput={(base_url) => set({ base_url })} error={errorOf("base_url")} help={words.urlHelp} placeholder={draft.type === "chutes" ? "https://llm.chutes.ai" : "https://api.groq.com/openai/v1"} />
      </div>
      <SecretField label={words.key} value={draft.api_key} onInput={(api_key) => set({ api_key })} error={errorOf("api_key") ?? errorOf("api_keys")} help={words.keyHelp} />
      <Switch label={words.enabled} help={words.enabledHelp} checked={draft.enabled} onChange={(enabled) => set({ enabled })} />
    </>
  );
}

function More({ draft, set, errorOf }: PartProps) {
  const words = text.providers.form;
  const failed = ["timeout", "max_retries", "headers", "proxy"].some((field) => errorOf(field) !== undefined);
  return (
    <details open={failed}>
      <summary>{text.forms.advanced}</summary>
      <div class="form">
        <AreaField label={words.moreKeys} mono rows={2} value={draft.more_keys} onInput={(more_keys) => set({ more_keys })} help={words.moreKeysHelp} />
        <div class="two">
          <TextField label={words.timeout} type="number" min={0} step="any" value={draft.timeout} onInput={(timeout) => set({ timeout })} error={errorOf("timeout")} />
          <TextField label={words.retries} type="number" min={0} max={20} value={draft.max_retries} onInput={(max_retries) => set({ max_retries })} error={errorOf("max_retries")} />
        </div>
        <AreaField label={words.headers} mono rows={2} value={draft.headers} onInput={(headers) => set({ headers })} error={errorOf("headers")} help={words.headersHelp} />
        <TextField label={words.proxy} mono value={draft.proxy} onInput={(proxy) => set({ proxy })} error={errorOf("proxy")} placeholder="http://proxy:3128" />
        <div class="row"><Switch label={words.http2} checked={draft.http2} onChange={(http2) => set({ http2 })} /></div>
        <div class="row"><Switch label={words.healthCheck} checked={draft.health_check} onChange={(health_check) => set({ health_check })} /></div>
      </div>
    </details>
  );
}
