/** First visit, step 1: the administrator's account, with the token from the console. */
import { useEffect, useState } from "preact/hooks";
import { ask } from "../../api/client";
import type { SetupDone } from "../../api/types";
import { Button } from "../../parts/button";
import { SecretField, TextField } from "../../parts/field";
import { Icon } from "../../parts/icon";
import { ErrorPanel } from "../../parts/states";
import { navigate } from "../../state/router";
import { useSaving } from "../../state/saving";
import { enter } from "../../state/session";
import { text } from "../../text";

/** Of `/ui/setup#token=…`, as the console prints it: what stands behind # is sent to no server and stands in no log. */
function linkedToken(): string {
  return new URLSearchParams(window.location.hash.slice(1)).get("token") ?? "";
}

export function Account({ onDone }: { onDone: (masterKey: string) => void }) {
  const words = text.login.setup.account;
  const [linked, setLinked] = useState(linkedToken);
  const [token, setToken] = useState(linked);
  const [username, setUsername] = useState("admin");
  const [password, setPassword] = useState("");
  const [repeated, setRepeated] = useState("");
  const saving = useSaving(["token", "username", "password"]);
  const differs = repeated !== "" && repeated !== password;
  useEffect(() => {
    const take = () => {
      const found = linkedToken();
      if (found) {
        setLinked(found);
        setToken(found);
      }
      // The token leaves the address as soon as it is read; the set-up stays on this page, whoever is logged in.
      navigate("/setup", { replace: true });
    };
    take();
    // The link pasted into a page that asks for the token loads nothing anew.
    window.addEventListener("hashchange", take);
    return () => window.removeEventListener("hashchange", take);
  }, []);
  const send = () => saving.run(async () => {
    try {
      const done = await ask<SetupDone>("/api/admin/setup", { method: "POST", body: { token: token.trim(), username, password } });
      enter(done);
      onDone(done.master_key);
    } catch (error) {
      setLinked("");
      throw error;
    }
  });
  return (
    <form class="form" onSubmit={(event) => { event.preventDefault(); if (!differs) void send(); }}>
      <p class="muted">{linked ? words.leadLinked : words.lead}</p>
      {saving.error !== undefined && <ErrorPanel error={saving.error} />}
      {linked
        ? <p class="hint"><Icon name="check" /><span>{words.tokenLinked}</span></p>
        : <TextField label={words.token} mono value={token} onInput={setToken} help={words.tokenHelp} error={saving.of("token")} autocomplete="off" required />}
      <TextField label={text.login.username} value={username} onInput={setUsername} error={saving.of("username")} autocomplete="username" required />
      <div class="two">
        <SecretField label={text.login.password} value={password} onInput={setPassword} help={words.passwordHelp} error={saving.of("password")} autocomplete="new-password" required autofocus={linked !== ""} />
        <SecretField label={words.repeat} value={repeated} onInput={setRepeated} error={differs ? words.differs : undefined} autocomplete="new-password" required />
      </div>
      <div><Button type="submit" kind="primary" busy={saving.busy} disabled={differs}>{words.action}</Button></div>
    </form>
  );
}
