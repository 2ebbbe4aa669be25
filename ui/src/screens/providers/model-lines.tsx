/** The models of a provider: a name and a type each. */
import { Button } from "../../parts/button";
import { Select } from "../../parts/field";
import { text } from "../../text";
import type { ModelLine } from "./draft";

interface ModelLinesProps {
  lines: ModelLine[];
  error: string | undefined;
  onChange: (lines: ModelLine[]) => void;
}

export function ModelLines({ lines, error, onChange }: ModelLinesProps) {
  const words = text.providers.form;
  const change = (n: number, part: Partial<ModelLine>) => onChange(lines.map((line, i) => (i === n ? { ...line, ...part } : line)));
  const types = [{ value: "", label: text.models.guessed }, ...Object.entries(text.playground.model.types).map(([value, label]) => ({ value, label }))];
  const paste = (event: ClipboardEvent, n: number) => {
    const names = (event.clipboardData?.getData("text") ?? "").split(/\s+/).filter(Boolean);
    if (names.length < 2) return;
    event.preventDefault();
    onChange([...lines.slice(0, n), ...names.map((id) => ({ id, type: "", name: "", base_url: "" })), ...lines.slice(n + 1)]);
  };
  return (
    <fieldset>
      <legend>{words.models}</legend>
      {error && <p class="bad-text" role="alert">{error}</p>}
      <p class="faint">{words.modelsHelp}</p>
      {lines.map((line, n) => (
        <div key={n} class="row nowrap tight">
          <input class="input mono" aria-label={`${words.modelName} ${n + 1}`} value={line.id} spellcheck={false} onPaste={(event) => paste(event, n)} onInput={(event) => change(n, { id: event.currentTarget.value })} />
          <Select aria-label={`${words.type} ${n + 1}`} value={line.type} options={types} onChange={(type) => change(n, { type })} />
          <Button kind="ghost" icon="close" label={`${text.common.remove} ${line.id}`} onClick={() => onChange(lines.filter((_, i) => i !== n))} />
        </div>
      ))}
      <div><Button size="small" icon="plus" onClick={() => onChange([...lines, { id: "", type: "", name: "", base_url: "" }])}>{words.addModel}</Button></div>
    </fieldset>
  );
}
