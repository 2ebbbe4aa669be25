/** First visit, step 3: which models of the new provider this gateway offers; what it lists stands there already. */
import { useState } from "preact/hooks";
import { putProvider } from "../../api/providers";
import type { ProviderInput, TestResult } from "../../api/types";
import { fromLines, toLines } from "../../format/lines";
import { Button } from "../../parts/button";
import { AreaField } from "../../parts/field";
import { ErrorPanel } from "../../parts/states";
import { TestVerdict } from "../../parts/test-verdict";
import { useSaving } from "../../state/saving";
import { text } from "../../text";

interface OfferProps {
  id: string;
  input: ProviderInput;
  result: TestResult;
  onDone: () => void;
}

export function OfferModels({ id, input, result, onDone }: OfferProps) {
  const words = text.login.setup.provider;
  const listed = result.listed ?? [];
  const [typed, setTyped] = useState(toLines(listed));
  const saving = useSaving(["models"]);
  const names = fromLines(typed);
  const send = () => saving.run(async () => {
    await putProvider(id, { ...input, models: names.map((id) => ({ id })) as NonNullable<ProviderInput["models"]> });
    onDone();
  });
  return (
    <form class="form" onSubmit={(event) => { event.preventDefault(); void send(); }}>
      <TestVerdict result={result} />
      <p class="muted">{words.offerLead}</p>
      {saving.error !== undefined && <ErrorPanel error={saving.error} />}
      <AreaField label={words.models} mono rows={7} value={typed} onInput={setTyped} error={saving.of("models")} help={listed.length ? words.modelsHelp(listed.length) : words.modelsUnknown} />
      <div class="row">
        <Button type="submit" kind="primary" busy={saving.busy} disabled={names.length === 0}>{words.offer(names.length)}</Button>
        <Button kind="ghost" onClick={onDone}>{words.skip}</Button>
      </div>
    </form>
  );
}
