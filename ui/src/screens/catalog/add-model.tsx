/** "Add to my models": a public name that leads to a model of the catalog. */
import { useState } from "preact/hooks";
import type { CatalogModel } from "../../api/catalog";
import { models, providers } from "../../api/collection";
import type { ModelInput, Provider } from "../../api/types";
import { Button } from "../../parts/button";
import { Dialog } from "../../parts/dialog";
import { SelectField, TextField } from "../../parts/field";
import { Await, ErrorPanel } from "../../parts/states";
import { useResource } from "../../state/resource";
import { navigate } from "../../state/router";
import { useSaving } from "../../state/saving";
import { say } from "../../state/toasts";
import { text } from "../../text";

export function AddModel({ model, onClose }: { model: CatalogModel; onClose: () => void }) {
  const known = useResource("providers", providers.all);
  return (
    <Dialog title={text.catalog.add.title(model.name)} width="narrow" onClose={onClose}>
      <Await of={known} rows={2}>{(all) => <Form model={model} fitting={all.filter((one) => fits(one, model))} onClose={onClose} />}</Await>
    </Dialog>
  );
}

function fits(provider: Provider, model: CatalogModel): boolean {
  return provider.id === model.source_gateway || (model.source_gateway === "chutes" && provider.type === "chutes");
}

function Form({ model, fitting, onClose }: { model: CatalogModel; fitting: Provider[]; onClose: () => void }) {
  const words = text.catalog.add;
  const [name, setName] = useState(model.canonical_slug);
  const [provider, setProvider] = useState(fitting[0]?.id ?? "");
  const saving = useSaving(["id", "targets"]);
  const save = () => saving.run(async () => {
    const target = { provider, model: model.canonical_slug, ...(model.base_url ? { base_url: model.base_url } : {}) };
    await models.create({ id: name.trim(), type: model.type, targets: [target] } as ModelInput);
    say(words.done(name), { label: text.catalog.detail.try, run: () => navigate(`/playground?model=${encodeURIComponent(name)}`) });
    onClose();
  });
  if (fitting.length === 0) return <><p>{words.noProvider}</p><div><Button onClick={() => navigate("/providers?open=new")}>{text.providers.add}</Button></div></>;
  return (
    <form class="form" onSubmit={(event) => { event.preventDefault(); void save(); }}>
      {saving.error !== undefined && <ErrorPanel error={saving.error} />}
      <TextField label={words.name} mono required value={name} onInput={setName} error={saving.of("id")} help={words.lead} />
      <SelectField label={words.provider} value={provider} error={saving.of("targets")} options={fitting.map((one) => ({ value: one.id, label: one.name || one.id }))} onChange={setProvider} />
      <div><Button type="submit" kind="primary" busy={saving.busy}>{words.action}</Button></div>
    </form>
  );
}
