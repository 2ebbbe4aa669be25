/** First visit, step 3: a key of Chutes, checked at once. */
import { useState } from "preact/hooks";
import { putProvider, testProvider } from "../../api/providers";
import type { TestResult } from "../../api/types";
import { Button } from "../../parts/button";
import { SecretField } from "../../parts/field";
import { ErrorPanel } from "../../parts/states";
import { TestVerdict } from "../../parts/test-verdict";
import { useSaving } from "../../state/saving";
import { text } from "../../text";

export function ConnectChutes({ onDone }: { onDone: () => void }) {
  const words = text.login.setup.chutes;
  const [key, setKey] = useState("");
  const [result, setResult] = useState<TestResult | null>(null);
  const saving = useSaving(["api_key"]);
  const send = () => saving.run(async () => {
    await putProvider("chutes", { name: "Chutes", type: "chutes", api_key: key.trim() });
    setResult(await testProvider("chutes"));
  });
  return (
    <form class="form" onSubmit={(event) => { event.preventDefault(); void send(); }}>
      <p class="muted">{words.lead}</p>
      {saving.error !== undefined && <ErrorPanel error={saving.error} />}
      <SecretField label={words.key} value={key} onInput={setKey} error={saving.of("api_key")} placeholder="cpk_…" />
      {result && <TestVerdict result={result} />}
      <div class="row">
        {result?.ok
          ? <Button kind="primary" onClick={onDone}>{words.next}</Button>
          : <Button type="submit" kind="primary" busy={saving.busy} disabled={!key.trim()}>{words.action}</Button>}
        {!result?.ok && <Button kind="ghost" onClick={onDone}>{words.skip}</Button>}
      </div>
    </form>
  );
}
