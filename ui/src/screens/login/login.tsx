/** Signing in. */
import { useId, useRef, useState } from "preact/hooks";
import { ask } from "../../api/client";
import type { Session } from "../../api/types";
import { Button } from "../../parts/button";
import { SecretField, TextField } from "../../parts/field";
import { useModal } from "../../parts/modal";
import { ErrorPanel } from "../../parts/states";
import { followLinks, href, navigate } from "../../state/router";
import { reconnected } from "../../state/reconnected";
import { useSaving } from "../../state/saving";
import { enter, session } from "../../state/session";
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
  const entered = (before: Session | null, now: Session) => {
    if (before?.user?.id === now.user?.id) reconnected.value += 1;
    else window.location.assign(href("/"));
  };
  return (
    <dialog ref={box} class="gate again" aria-labelledby={heading} onCancel={(event) => event.preventDefault()}>
      <section class="gate-box">
        <header><h2 id={heading}>{words.ended}</h2></header>
        <p class="muted">{words.endedLead}</p>
        <LoginForm onEntered={entered} />
      </section>
    </dialog>
  );
}

function LoginForm({ onEntered }: { onEntered: (before: Session | null, now: Session) => void }) {
  const words = text.login;
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const saving = useSaving(["username"]);
  const send = () => saving.run(async () => {
    const [before, now] = [session.peek(), await ask<Session>("/api/user/login", { method: "POST", body: { username, password } })];
    enter(now);
    onEntered(before, now);
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
