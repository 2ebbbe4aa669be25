/** First visit, step 3: the first provider, Chutes or any other, checked at once. */
import { useState } from "preact/hooks";
import { putProvider, testProvider } from "../../api/providers";
import type { ProviderInput, TestResult } from "../../api/types";
import { Button } from "../../parts/button";
import { SecretField, TextField } from "../../parts/field";
import { ErrorPanel } from "../../parts/states";
import { Segments } from "../../parts/tabs";
import { TestVerdict } from "../../parts/test-verdict";
import { useSaving } from "../../state/saving";
import { text } from "../../text";
import { OfferModels } from "./offer-models";

type Kind = "chutes" | "openai";

interface Connected {
  id: string;
  input: ProviderInput;
  result: TestResult;
}

/** A name for a provider out of its address: groq of https://api.groq.com/openai/v1. */
function nameOf(address: string): string {
  try {
    const parts = new URL(address).hostname.split(".");
    return /^[\d.[\]:]+$/.test(parts.join(".")) || parts.length < 2 ? "local" : (parts[parts.length - 2] ?? "other");
  } catch {
    return "other";
  }
}

export function ConnectProvider({ onDone }: { onDone: () => void }) {
  const words = text.login.setup.provider;
  const [kind, setKind] = useState<Kind>("chutes");
  const [address, setAddress] = useState("");
  const [key, setKey] = useState("");
  const [connected, setConnected] = useState<Connected | null>(null);
  const saving = useSaving(["api_key", "base_url"]);
  const complete = kind === "chutes" ? key.trim() !== "" : address.trim() !== "";
  const send = () => saving.run(async () => {
    setConnected(null);
    const id = kind === "chutes" ? kind : nameOf(address.trim());
    const input: ProviderInput = { name: kind === "chutes" ? "Chutes" : id, type: kind, api_key: key.trim() || null, ...(kind === "openai" ? { base_url: address.trim() } : {}) };
    await putProvider(id, input);
    setConnected({ id, input, result: await testProvider(id) });
  });
  if (connected?.result.ok && kind === "openai") return <OfferModels {...connected} onDone={onDone} />;
  return (
    <form class="form" onSubmit={(event) => { event.preventDefault(); if (complete) void send(); }}>
      <p class="muted">{words.lead}</p>
      <div><Segments label={words.kind} value={kind} onChange={(chosen) => { setKind(chosen); setConnected(null); saving.clear(); }} options={[{ value: "chutes", label: words.kinds.chutes }, { value: "openai", label: words.kinds.openai }]} /></div>
      {saving.error !== undefined && <ErrorPanel error={saving.error} />}
      {kind === "openai" && <TextField label={words.address} mono value={address} onInput={setAddress} error={saving.of("base_url")} help={words.addressHelp} placeholder="https://api.groq.com/openai/v1" required />}
      <SecretField label={words.key} value={key} onInput={setKey} error={saving.of("api_key")} placeholder={kind === "chutes" ? "cpk_…" : "sk-…"} help={kind === "chutes" ? words.chutesHelp : words.keyHelp} />
      {connected && <TestVerdict result={connected.result} />}
      <div class="row">
        {connected?.result.ok
          ? <Button key="next" kind="primary" onClick={onDone}>{words.next}</Button>
          : <Button key="send" type="submit" kind="primary" busy={saving.busy} disabled={!complete}>{words.action}</Button>}
        {!connected?.result.ok && <Button kind="ghost" onClick={onDone}>{words.skip}</Button>}
      </div>
    </form>
  );
}
