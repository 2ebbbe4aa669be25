/** Who is logged in. Asked once at the start, again when the server says that the session is over. */
import { effect, signal } from "@preact/signals";
import { ask, csrfToken, sessionEnded } from "../api/client";
import { ApiError } from "../api/errors";
import type { Session } from "../api/types";
import { apiKey } from "./access";

export const session = signal<Session | null>(null);
/** Why the session cannot be told. */
export const sessionError = signal<unknown>(undefined);

const NOBODY: Session = { setup_required: false, role: null, user: null, csrf_token: "" };

export function enter(found: Session): void {
  csrfToken.value = found.csrf_token ?? "";
  session.value = found;
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
  enter(NOBODY);
}

effect(() => {
  if (sessionEnded.value > 0 && session.peek()?.role) enter(NOBODY);
});
