/** The one model of a tab; it stands in the address, or is the one that was chosen here last. */
import { Field } from "../../parts/field";
import { ModelPicker } from "../../parts/model-picker";
import { query, setQuery } from "../../state/router";
import { text } from "../../text";
import { useModels } from "./models";
import { useTyped } from "./typed";

export function useChosenModel(type: string): [string, (id: string) => void] {
  const models = useModels(type);
  const [last, setLast] = useTyped(`${type}.model`);
  const known = models.find((model) => model.id === last) ?? models[0];
  const choose = (id: string) => {
    setLast(id);
    setQuery({ model: id });
  };
  return [query.value.get("model") ?? known?.id ?? "", choose];
}

export function ChosenModel({ type, value, onChange }: { type: string; value: string; onChange: (id: string) => void }) {
  const models = useModels(type);
  return (
    <Field label={text.playground.test.model}>
      {() => <ModelPicker models={models} value={value} onChange={onChange} />}
    </Field>
  );
}
