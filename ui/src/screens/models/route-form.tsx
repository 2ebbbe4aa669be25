/** The form of a model's route. */
import type { ModelEntry, Provider } from "../../api/types";
import { Button } from "../../parts/button";
import { Confidentiality } from "../../parts/confidentiality";
import { AreaField, Select, SelectField, Switch, TextField } from "../../parts/field";
import { text } from "../../text";
import { type Draft, newTarget, type TargetDraft } from "./draft";

interface RouteFormProps {
  draft: Draft;
  isNew: boolean;
  rows: ModelEntry[];
  providers: Provider[];
  errorOf: (field: string) => string | undefined;
  onChange: (draft: Draft) => void;
}

const choices = (names: Record<string, string>) => Object.entries(names).map(([value, label]) => ({ value, label }));

export function RouteForm({ draft, isNew, rows, providers, errorOf, onChange }: RouteFormProps) {
  const words = text.models.form;
  const set = (part: Partial<Draft>) => onChange({ ...draft, ...part });
  return (
    <>
      <TextField label={words.id} mono value={draft.id} disabled={!isNew} required onInput={(id) => set({ id })} error={errorOf("id")} help={isNew ? words.idHelp : undefined} autofocus={isNew} placeholder="fast-chat" />
      <div class="two">
        <SelectField label={words.type} value={draft.type} error={errorOf("type")} options={[{ value: "", label: text.models.guessed }, ...choices(text.playground.model.types)]} onChange={(type) => set({ type })} />
        <SelectField label={words.policy} value={draft.policy} error={errorOf("policy")} options={choices(words.policies)} onChange={(policy) => set({ policy })} />
      </div>
      <Targets targets={draft.targets} rows={rows} providers={providers} error={errorOf("targets")} onChange={(targets) => set({ targets })} />
      <Confidentiality tee={draft.tee} data={draft.data} onChange={set} errorOf={errorOf} />
      <Switch label={words.enabled} checked={draft.enabled} onChange={(enabled) => set({ enabled })} />
      <details open={["aliases", "context_fallback", "stream_policy"].some((field) => errorOf(field) !== undefined)}>
        <summary>{text.forms.advanced}</summary>
        <div class="form">
          <AreaField label={words.aliases} mono rows={2} value={draft.aliases} onInput={(aliases) => set({ aliases })} error={errorOf("aliases")} help={words.aliasesHelp} />
          <div class="two">
            <SelectField label={words.images} value={draft.images} options={choices(words.imagesOptions)} onChange={(images) => set({ images })} />
            <SelectField label={words.streamPolicy} value={draft.stream_policy} options={choices(words.streamPolicies)} onChange={(stream_policy) => set({ stream_policy })} />
          </div>
          <SelectField label={words.contextFallback} value={draft.context_fallback} error={errorOf("context_fallback")} options={[{ value: "", label: text.common.none }, ...rows.filter((row) => row.id !== draft.id).map((row) => ({ value: row.id, label: row.id }))]} onChange={(context_fallback) => set({ context_fallback })} />
        </div>
      </details>
    </>
  );
}

interface TargetsProps {
  targets: TargetDraft[];
  rows: ModelEntry[];
  providers: Provider[];
  error: string | undefined;
  onChange: (targets: TargetDraft[]) => void;
}

function Targets({ targets, rows, providers, error, onChange }: TargetsProps) {
  const words = text.models.form;
  const engines = [...new Set(rows.flatMap((row) => row.targets.map((target) => target.engine ?? "")).filter(Boolean))];
  const places = [
    { value: "", label: words.provider },
    ...engines.map((name) => ({ value: `engine:${name}`, label: `${name} (${text.models.engine})` })),
    ...providers.filter((one) => one.type !== "local").map((one) => ({ value: `provider:${one.id}`, label: one.name || one.id })),
  ];
  const change = (n: number, part: Partial<TargetDraft>) => onChange(targets.map((target, i) => (i === n ? { ...target, ...part } : target)));
  return (
    <fieldset>
      <legend>{words.targets}</legend>
      {error && <p class="bad-text" role="alert">{error}</p>}
      <p class="faint">{words.targetsHelp}</p>
      <div class="targets" role="group" aria-label={words.targets}>
        <span>{words.provider}</span><span>{words.model}</span><span>{words.priority}</span><span>{words.weight}</span><span />
        {targets.map((target, n) => (
          <TargetRow key={n} n={n} target={target} places={places} onChange={(part) => change(n, part)} onRemove={() => onChange(targets.filter((_, i) => i !== n))} />
        ))}
      </div>
      <div><Button size="small" icon="plus" onClick={() => onChange([...targets, newTarget(targets.length)])}>{words.addTarget}</Button></div>
    </fieldset>
  );
}

function TargetRow(props: { n: number; target: TargetDraft; places: { value: string; label: string }[]; onChange: (part: Partial<TargetDraft>) => void; onRemove: () => void }) {
  const { n, target, places, onChange } = props;
  const words = text.models.form;
  const engine = target.place.startsWith("engine:");
  const known = places.some((place) => place.value === target.place) ? places : [...places, { value: target.place, label: target.place }];
  return (
    <div class="target">
      <Select aria-label={`${words.provider} ${n + 1}`} value={target.place} options={known} onChange={(place) => onChange({ place })} />
      <input class="input mono" aria-label={`${words.model} ${n + 1}`} value={target.model} placeholder={words.model} disabled={engine} spellcheck={false} onInput={(event) => onChange({ model: event.currentTarget.value })} />
      <input class="input" type="number" min={0} aria-label={`${words.priority} ${n + 1}`} value={target.priority} onInput={(event) => onChange({ priority: event.currentTarget.value })} />
      <input class="input" type="number" min={0} step="any" aria-label={`${words.weight} ${n + 1}`} value={target.weight} onInput={(event) => onChange({ weight: event.currentTarget.value })} />
      <Button kind="ghost" icon="close" label={`${words.removeTarget} ${n + 1}`} onClick={props.onRemove} />
    </div>
  );
}
