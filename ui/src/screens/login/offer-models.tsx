/** First visit, step 3: which models of the new provider this gateway offers; what it lists stands there already. */
import { useEffect, useState } from "preact/hooks";
import { ask, params } from "../../api/client";
import { putProvider } from "../../api/providers";
import type { ProviderInput, TestResult } from "../../api/types";
import { fromLines, toLines } from "../../format/lines";
import { Button } from "../../parts/button";
import { AreaField } from "../../parts/field";
import { ErrorPanel, Loading } from "../../parts/states";
import { TestVerdict } from "../../parts/test-verdict";
import { useResource } from "../../state/resource";
import { useSaving } from "../../state/saving";
import { text } from "../../text";

interface OfferProps {
  id: string;
  input: ProviderInput;
  result: TestResult;
  onDone: () => void;
}

const MOST = 1000;

async function listed(id: string, signal: AbortSignal): Promise<string[]> {
  await ask("/catalog/refresh", { method: "POST", signal });
  const found = await ask<{ data: { canonical_slug: string }[] }>(`/catalog/models${params({ gateway: id, limit: MOST })}`, { signal });
  return found.data.map((model) => model.canonical_slug);
}

export function OfferModels({ id, input, result, onDone }: OfferProps) {
  const words = text.login.setup.provider;
  const models = useResource(id, (signal) => listed(id, signal));
  const [typed, setTyped] = useState("");
  const saving = useSaving(["models"]);
  const names = fromLines(typed);
  useEffect(() => setTyped(toLines(models.data)), [models.data]);
  const send = () => saving.run(async () => {
    await putProvider(id, { ...input, models: names.map((id) => ({ id })) as NonNullable<ProviderInput["models"]> });
    onDone();
  });
  return (
    <form class="form" onSubmit={(event) => { event.preventDefault(); void send(); }}>
      <TestVerdict result={result} />
      <p class="muted">{words.offerLead}</p>
      {saving.error !== undefined && <ErrorPanel error={saving.error} />}
      {models.loading
        ? <><p class="faint">{words.listing}</p><Loading rows={3} /></>
        : <AreaField label={words.models} mono rows={7} value={typed} onInput={setTyped} error={saving.of("models")} help={models.data?.length ? words.modelsHelp(models.data.length) : words.modelsUnknown} />}
      <div class="row">
        <Button type="submit" kind="primary" busy={saving.busy} disabled={models.loading || names.length === 0}>{models.loading ? words.offerLater : words.offer(names.length)}</Button>
        <Button kind="ghost" onClick={onDone}>{words.skip}</Button>
      </div>
    </form>
  );
}
