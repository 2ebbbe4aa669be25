/** Password and open sessions of whoever is logged in. */
import { useState } from "preact/hooks";
import { ask } from "../../api/client";
import type { OpenSession } from "../../api/types";
import { Badge } from "../../parts/badge";
import { Button } from "../../parts/button";
import { SecretField } from "../../parts/field";
import { Panel } from "../../parts/page";
import { Await, ErrorPanel } from "../../parts/states";
import { Time } from "../../parts/time";
import { useResource } from "../../state/resource";
import { useSaving } from "../../state/saving";
import { findSession } from "../../state/session";
import { complain, say } from "../../state/toasts";
import { text } from "../../text";

export function Account() {
  return (
    <div class="grid-2">
      <Panel title={text.mine.password}><Password /></Panel>
      <Panel title={text.mine.sessions}><Sessions /></Panel>
    </div>
  );
}

function Password() {
  const words = text.mine;
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const saving = useSaving(["current", "new", "password"]);
  const send = () => saving.run(async () => {
    await ask("/api/user/password", { method: "POST", body: { current, new: next } });
    say(words.changed);
    await findSession();
  });
  return (
    <form class="form" onSubmit={(event) => { event.preventDefault(); void send(); }}>
      {saving.error !== undefined && <ErrorPanel error={saving.error} />}
      <SecretField label={words.current} value={current} required autocomplete="current-password" onInput={setCurrent} error={saving.of("current")} />
      <SecretField label={words.next} value={next} required autocomplete="new-password" onInput={setNext} error={saving.of("new") ?? saving.of("password")} help={text.users.form.passwordHelp} />
      <div><Button type="submit" busy={saving.busy}>{words.password}</Button></div>
    </form>
  );
}

function Sessions() {
  const words = text.mine;
  const list = useResource("sessions", (signal) => ask<OpenSession[]>("/api/user/sessions", { signal }));
  const end = async (one: OpenSession) => {
    await ask(`/api/user/sessions/${encodeURIComponent(one.id)}`, { method: "DELETE" }).then(() => say(words.ended), complain);
    list.reload();
  };
  return (
    <Await of={list} rows={2}>
      {(rows) => (
        <ul class="history">
          {rows.map((one) => (
            <li key={one.id} class="row spread nowrap">
              <span class="truncate" title={one.agent}>{one.address} <span class="muted">{one.agent}</span></span>
              <span class="row nowrap">{one.current ? <Badge tone="accent">{words.thisOne}</Badge> : <><Time at={one.last_seen} /><Button size="small" onClick={() => void end(one)}>{words.end}</Button></>}</span>
            </li>
          ))}
        </ul>
      )}
    </Await>
  );
}
