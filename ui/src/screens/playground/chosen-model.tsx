/** The one model of a tab; it stands in the address. */
import { Field } from "../../parts/field";
import { ModelPicker } from "../../parts/model-picker";
import { query, setQuery } from "../../state/router";
import { text } from "../../text";
import { useModels } from "./models";

export function useChosenModel(type: string): [string, (id: string) => void] {
  const models = useModels(type);
  return [query.value.get("model") ?? models[0]?.id ?? "", (id) => setQuery({ model: id })];
}

export function ChosenModel({ type, value, onChange }: { type: string; value: string; onChange: (id: string) => void }) {
  const models = useModels(type);
  return (
    <Field label={text.playground.test.model}>
      {() => <ModelPicker models={models} value={value} onChange={onChange} />}
    </Field>
  );
}
