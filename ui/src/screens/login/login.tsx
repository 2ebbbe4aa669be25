/** Signing in. */
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { ask } from "../../api/client";
import type { Session } from "../../api/types";
import { Button } from "../../parts/button";
import { SecretField, TextField } from "../../parts/field";
import { useModal } from "../../parts/modal";
import { ErrorPanel } from "../../parts/states";
import { followLinks, href, navigate } from "../../state/router";
import { reconnected } from "../../state/reconnected";
import { useSaving } from "../../state/saving";
import { enter, tellOthers } from "../../state/session";
import { text } from "../../text";
import { Gate } from "./gate";

export function Login({ then }: { then: string }) {
  const words = text.login;
  return (
    <Gate title={words.title}>
      <LoginForm onEntered={() => navigate(then, { replace: true })} />
      <p class="gate-foot" onClick={followLinks}><a href={href("/playground")}>{words.withKey}</a></p>
    </Gate>
  );
}

/** Over a page whose session has ended: nothing of it is seen, and nothing that was typed is lost. */
export function LoginAgain() {
  const words = text.login;
  const box = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useModal(box);
  useLayoutEffect(() => {
    // A second Escape in a row closes a dialog whatever it says against it.
    const keep = (event: KeyboardEvent) => event.key === "Escape" && event.preventDefault();
    document.addEventListener("keydown", keep, true);
    return () => document.removeEventListener("keydown", keep, true);
  }, []);
  return (
    <dialog ref={box} class="gate again" aria-labelledby={heading} onCancel={(event) => event.preventDefault()} onClose={(event) => event.currentTarget.isConnected && !event.currentTarget.open && event.currentTarget.showModal()}>
      <section class="gate-box">
        <header><h2 id={heading}>{words.ended}</h2></header>
        <p class="muted">{words.endedLead}</p>
        <LoginForm onEntered={() => { reconnected.value += 1; }} />
      </section>
    </dialog>
  );
}

function LoginForm({ onEntered }: { onEntered: () => void }) {
  const words = text.login;
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const saving = useSaving(["username"]);
  const send = () => saving.run(async () => {
    enter(await ask<Session>("/api/user/login", { method: "POST", body: { username, password } }));
    tellOthers();
    onEntered();
  });
  return (
    <form class="form" onSubmit={(event) => { event.preventDefault(); void send(); }}>
      {saving.error !== undefined && <ErrorPanel error={saving.error} />}
      <TextField label={words.username} value={username} onInput={setUsername} error={saving.of("username")} autocomplete="username" required autofocus />
      <SecretField label={words.password} value={password} onInput={setPassword} autocomplete="current-password" required />
      <Button type="submit" kind="primary" busy={saving.busy}>{words.action}</Button>
    </form>
  );
}
