/** First visit, step 1: the administrator's account, with the token from the console. */
import { useState } from "preact/hooks";
import { ask } from "../../api/client";
import type { SetupDone } from "../../api/types";
import { Button } from "../../parts/button";
import { SecretField, TextField } from "../../parts/field";
import { ErrorPanel } from "../../parts/states";
import { navigate, query } from "../../state/router";
import { useSaving } from "../../state/saving";
import { enter } from "../../state/session";
import { text } from "../../text";

export function Account({ onDone }: { onDone: (masterKey: string) => void }) {
  const words = text.login.setup.account;
  const [token, setToken] = useState(() => query.value.get("token") ?? "");
  const [username, setUsername] = useState("admin");
  const [password, setPassword] = useState("");
  const [repeated, setRepeated] = useState("");
  const saving = useSaving(["token", "username", "password"]);
  const differs = repeated !== "" && repeated !== password;
  const send = () => saving.run(async () => {
    const done = await ask<SetupDone>("/api/admin/setup", { method: "POST", body: { token: token.trim(), username, password } });
    // The rest of the set-up stays on this page, whoever is logged in; the token leaves the address.
    navigate("/setup", { replace: true });
    enter(done);
    onDone(done.master_key);
  });
  return (
    <form class="form" onSubmit={(event) => { event.preventDefault(); if (!differs) void send(); }}>
      <p class="muted">{words.lead}</p>
      {saving.error !== undefined && <ErrorPanel error={saving.error} />}
      <TextField label={words.token} mono value={token} onInput={setToken} help={words.tokenHelp} error={saving.of("token")} autocomplete="off" required />
      <TextField label={text.login.username} value={username} onInput={setUsername} error={saving.of("username")} autocomplete="username" required />
      <div class="two">
        <SecretField label={text.login.password} value={password} onInput={setPassword} help={words.passwordHelp} error={saving.of("password")} autocomplete="new-password" required />
        <SecretField label={words.repeat} value={repeated} onInput={setRepeated} error={differs ? words.differs : undefined} autocomplete="new-password" required />
      </div>
      <div><Button type="submit" kind="primary" busy={saving.busy} disabled={differs}>{words.action}</Button></div>
    </form>
  );
}
