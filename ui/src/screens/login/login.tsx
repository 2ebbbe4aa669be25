/** Signing in. */
import { useState } from "preact/hooks";
import { ask } from "../../api/client";
import type { Session } from "../../api/types";
import { Button } from "../../parts/button";
import { SecretField, TextField } from "../../parts/field";
import { ErrorPanel } from "../../parts/states";
import { followLinks, href, navigate } from "../../state/router";
import { useSaving } from "../../state/saving";
import { enter } from "../../state/session";
import { text } from "../../text";
import { Gate } from "./gate";

export function Login({ then }: { then: string }) {
  const words = text.login;
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const saving = useSaving(["username"]);
  const send = () => saving.run(async () => {
    const session = await ask<Session>("/api/user/login", { method: "POST", body: { username, password } });
    enter(session);
    navigate(then, { replace: true });
  });
  return (
    <Gate title={words.title}>
      <form class="form" onSubmit={(event) => { event.preventDefault(); void send(); }}>
        {saving.error !== undefined && <ErrorPanel error={saving.error} />}
        <TextField label={words.username} value={username} onInput={setUsername} error={saving.of("username")} autocomplete="username" required autofocus />
        <SecretField label={words.password} value={password} onInput={setPassword} autocomplete="current-password" required />
        <Button type="submit" kind="primary" busy={saving.busy}>{words.action}</Button>
      </form>
      <p class="gate-foot" onClick={followLinks}><a href={href("/playground")}>{words.withKey}</a></p>
    </Gate>
  );
}
