/** The targets of a what-if: as the model has them, changed for the reckoning alone. */
import type { ComponentProps } from "preact";
import type { ModelEntry, Provider } from "../../api/types";
import { Button } from "../../parts/button";
import { Select } from "../../parts/field";
import { text } from "../../text";
import { newTarget } from "../models/draft";
import type { ChangedTarget } from "./what-if-question";

interface EditorProps {
  entry: ModelEntry;
  targets: ChangedTarget[];
  providers: Provider[];
  changed: boolean;
  /** Null: as the model has them. */
  onChange: (targets: ChangedTarget[] | null) => void;
}

export function TargetsEditor({ entry, targets, providers, changed, onChange }: EditorProps) {
  const words = text.usage.whatIf;
  const set = (n: number, part: Partial<ChangedTarget>) => onChange(targets.map((one, i) => (i === n ? { ...one, ...part } : one)));
  const engines = [...new Set(entry.targets.map((target) => target.engine).filter(Boolean))];
  const places = [...engines.map((name) => ({ value: `engine:${name}`, label: name ?? "" })), ...providers.map((one) => ({ value: `provider:${one.id}`, label: one.id }))];
  return (
    <fieldset>
      <legend>{words.targets}</legend>
      <p class="muted">{words.targetsLead}</p>
      <div class="table-box plain" tabIndex={0} role="region" aria-label={words.targets}>
        <table class="table targets-edit">
          <thead><tr><th scope="col">{words.provider}</th><th scope="col">{words.upstream}</th><th scope="col" class="numeric">{words.priority}</th><th scope="col" class="numeric">{words.weight}</th><th scope="col" title={words.priceHelp}>{words.price}</th><th scope="col"><span class="hidden">{text.table.actions}</span></th></tr></thead>
          <tbody>
            {targets.map((one, n) => (
              <tr key={n}>
                <td><Select aria-label={`${words.provider} ${n + 1}`} value={one.place} options={[{ value: "", label: "–" }, ...places]} onChange={(place) => set(n, { place })} /></td>
                <td>{one.place.startsWith("engine:") ? <code>{entry.id}</code> : <Figure label={`${words.upstream} ${n + 1}`} text value={one.model} onInput={(model) => set(n, { model })} />}</td>
                <td class="numeric"><Figure label={`${words.priority} ${n + 1}`} value={one.priority} onInput={(priority) => set(n, { priority })} /></td>
                <td class="numeric"><Figure label={`${words.weight} ${n + 1}`} value={one.weight} onInput={(weight) => set(n, { weight })} /></td>
                <td>{!one.place.startsWith("engine:") && <span class="row tight"><Figure label={words.priceIn(n + 1)} hint={words.hints.input} value={one.input} onInput={(input) => set(n, { input })} /><Figure label={words.priceOut(n + 1)} hint={words.hints.output} value={one.output} onInput={(output) => set(n, { output })} /></span>}</td>
                <td><Button kind="ghost" size="small" icon="trash" label={`${text.common.remove} ${n + 1}`} onClick={() => onChange(targets.filter((_, i) => i !== n))} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div class="row">
        <Button size="small" icon="plus" onClick={() => onChange([...targets, { ...newTarget(targets.length), input: "", output: "" }])}>{words.add}</Button>
        {changed && <Button size="small" icon="refresh" onClick={() => onChange(null)}>{words.reset}</Button>}
      </div>
    </fieldset>
  );
}

function Figure(props: { label: string; hint?: string; value: string; text?: boolean; onInput: (value: string) => void }) {
  const kind = (props.text ? { type: "text" } : { type: "number", min: 0, step: "any" }) as ComponentProps<"input">;
  return <input {...kind} class={props.text ? "input mono" : "input"} aria-label={props.label} placeholder={props.hint} value={props.value} spellcheck={false} onInput={(event) => props.onInput(event.currentTarget.value)} />;
}
