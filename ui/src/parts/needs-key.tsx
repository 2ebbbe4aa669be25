/** Shown where /v1 is called and this tab has no key yet. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { apiKey } from "../state/access";
import { session } from "../state/session";
import { makeTabKey } from "../state/tab-key";
import { complain } from "../state/toasts";
import { text } from "../text";
import { Button } from "./button";
import { SecretField } from "./field";

export function NeedsKey({ children }: { children: ComponentChildren }) {
  return apiKey.value ? <>{children}</> : <KeyForm />;
}

export function KeyForm() {
  const words = text.playground.key;
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const make = async () => {
    setBusy(true);
    await makeTabKey().catch(complain);
    setBusy(false);
  };
  return (
    <form class="form key-form" onSubmit={(event) => { event.preventDefault(); if (typed.trim()) apiKey.value = typed.trim(); }}>
      <p class="muted">{words.lead}</p>
      {session.value?.user && (
        <>
          <div><Button kind="primary" icon="keys" busy={busy} onClick={() => void make()}>{words.make}</Button></div>
          <p class="faint">{words.makeHelp}</p>
        </>
      )}
      <SecretField label={words.label} value={typed} onInput={setTyped} help={words.help} placeholder="sk-…" autofocus={!session.value?.user} />
      <div><Button type="submit" {...(session.value?.user ? {} : { kind: "primary" as const })} disabled={!typed.trim()}>{words.use}</Button></div>
    </form>
  );
}
