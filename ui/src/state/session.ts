/** Who is logged in. Asked once at the start, again when the server says that the session is over. */
import { effect, signal } from "@preact/signals";
import { ask, csrfToken, sessionEnded } from "../api/client";
import { ApiError } from "../api/errors";
import type { Session } from "../api/types";
import { apiKey, tabKeyId } from "./access";
import { complain } from "./toasts";
import { giveUp } from "./unsaved";

export const session = signal<Session | null>(null);
/** Why the session cannot be told. */
export const sessionError = signal<unknown>(undefined);

/** The session is over though nobody signed out: the page stays as it is, under a login. */
export const ended = signal(false);

const NOBODY: Session = { setup_required: false, role: null, user: null, csrf_token: "" };

export function enter(found: Session): void {
  const before = session.peek();
  csrfToken.value = found.csrf_token ?? "";
  if (before?.role && !found.role) ended.value = true;
  else if (before?.role && before.user?.id !== found.user?.id) beginAnew();
  else {
    session.value = found;
    ended.value = false;
  }
}

/** Somebody else has signed in, here or in another tab: nothing of whoever was here before stays. */
function beginAnew(): void {
  apiKey.value = tabKeyId.value = "";
  giveUp();
  window.location.assign("/ui/");
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

/** Other tabs of this browser have the same session. */
const others = new BroadcastChannel("gateway.session");
others.onmessage = () => void findSession();

/** Somebody has signed in or out here: the other tabs look who it is now. */
export function tellOthers(): void {
  others.postMessage(null);
}

/** Whoever cannot be signed out, since nobody answers, is told and stays. */
export async function leave(): Promise<void> {
  try {
    await ask("/api/admin/logout", { method: "POST" });
  } catch (error) {
    // The session is over already.
    if (!(error instanceof ApiError && error.status === 401)) return complain(error);
  }
  apiKey.value = "";
  session.value = NOBODY;
  tellOthers();
}

effect(() => {
  if (sessionEnded.value > 0) enter(NOBODY);
});
