/** A key for this tab, made for whoever is logged in: /v1 takes keys only. */
import { ask } from "../api/client";
import type { ApiKey, Page } from "../api/types";
import { text } from "../text";
import { apiKey, tabKeyId } from "./access";
import { session } from "./session";

const HOURS = 12;
const OWN = "/api/user/keys";

export async function makeTabKey(): Promise<void> {
  const who = session.value;
  const name = text.playground.key.tabKeyName(who?.user?.username ?? "");
  const expires = new Date(Date.now() + HOURS * 3_600_000).toISOString();
  const body = { name, expires_at: expires };
  const path = who?.role === "admin" ? "/api/admin/apikeys" : OWN;
  const made = await ask<ApiKey>(path, { method: "POST", body: who?.user && who.role === "admin" ? { ...body, user_id: who.user.id } : body });
  apiKey.value = made.key;
  tabKeyId.value = made.id;
  await clearAway(name).catch(() => undefined);
}

/** Ends the use of the key; one that was made for this tab is deleted, since nobody else knows it. */
export async function forgetKey(): Promise<void> {
  const id = tabKeyId.value;
  apiKey.value = tabKeyId.value = "";
  if (id) await remove(id).catch(() => undefined);
}

/** Keys of tabs that were closed have ended by themselves: nobody misses them. */
async function clearAway(name: string): Promise<void> {
  const { data } = await ask<Page<ApiKey>>(OWN);
  const ended = data.filter((key) => key.name === name && key.expires_at && Date.parse(key.expires_at) < Date.now());
  for (const key of ended) await remove(key.id);
}

function remove(id: string): Promise<unknown> {
  return ask(`${OWN}/${encodeURIComponent(id)}`, { method: "DELETE" });
}
