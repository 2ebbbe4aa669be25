/** Who is logged in. Asked once at the start, again when the server says that the session is over. */
import { effect, signal } from "@preact/signals";
import { ask, csrfToken, sessionEnded } from "../api/client";
import { ApiError } from "../api/errors";
import type { Session } from "../api/types";
import { apiKey } from "./access";

export const session = signal<Session | null>(null);
/** Why the session cannot be told. */
export const sessionError = signal<unknown>(undefined);

/** The session is over though nobody signed out: the page stays as it is, under a login. */
export const ended = signal(false);

const NOBODY: Session = { setup_required: false, role: null, user: null, csrf_token: "" };

export function enter(found: Session): void {
  csrfToken.value = found.csrf_token ?? "";
  if (found.role || !session.peek()?.role) {
    session.value = found;
    ended.value = false;
  } else ended.value = true;
}

export async function findSession(): Promise<void> {
  try {
    enter(await ask<Session>("/api/session"));
    sessionError.value = undefined;
  } catch (error) {
    // A gateway without administration has no sessions: the playground works with a key.
    if (error instanceof ApiError && error.status === 404) enter(NOBODY);
    else sessionError.value = error;
  }
}

export async function leave(): Promise<void> {
  await ask("/api/admin/logout", { method: "POST" }).catch(() => undefined);
  apiKey.value = "";
  session.value = NOBODY;
}

effect(() => {
  if (sessionEnded.value > 0) enter(NOBODY);
});
