/** System prompt and parameters of the chat. */
import { Button } from "../../../parts/button";
import { AreaField, Switch, TextField } from "../../../parts/field";
import { text } from "../../../text";
import { extraFields, NO_PARAMETERS, type Parameters, parameters } from "./conversation";

export function Options() {
  const words = text.playground.chat;
  const value = parameters.value;
  const set = (part: Partial<Parameters>) => {
    parameters.value = { ...value, ...part };
  };
  const broken = extraFields(value.extra) === null;
  return (
    <aside class="options form" aria-label={words.parameters}>
      <AreaField label={words.system} value={value.system} rows={4} placeholder={words.systemPlaceholder} onInput={(system) => set({ system })} />
      <div class="two">
        <TextField label={words.temperature} type="number" min={0} max={2} step={0.1} placeholder={words.default} value={value.temperature} onInput={(temperature) => set({ temperature })} />
        <TextField label={words.topP} type="number" min={0} max={1} step={0.05} placeholder={words.default} value={value.topP} onInput={(topP) => set({ topP })} />
      </div>
      <TextField label={words.maxTokens} type="number" min={1} step={1} placeholder={words.default} value={value.maxTokens} onInput={(maxTokens) => set({ maxTokens })} />
      <AreaField label={words.extra} mono value={value.extra} rows={2} placeholder={'{"seed": 7}'} help={words.extraHelp} error={broken ? words.extraBroken : undefined} onInput={(extra) => set({ extra })} />
      <Switch label={words.stream} checked={value.stream} onChange={(stream) => set({ stream })} />
      <div>
        <Button size="small" icon="refresh" onClick={() => set(NO_PARAMETERS)}>{words.reset}</Button>
      </div>
    </aside>
  );
}
