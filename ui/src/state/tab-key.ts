/** A key for this tab, made for whoever is logged in: /v1 takes keys only. */
import { ask } from "../api/client";
import type { ApiKey } from "../api/types";
import { text } from "../text";
import { apiKey } from "./access";
import { session } from "./session";

const HOURS = 12;

export async function makeTabKey(): Promise<void> {
  const who = session.value;
  const expires = new Date(Date.now() + HOURS * 3_600_000).toISOString();
  const body = { name: text.playground.key.tabKeyName(who?.user?.username ?? ""), expires_at: expires };
  const path = who?.role === "admin" ? "/api/admin/apikeys" : "/api/user/keys";
  const made = await ask<ApiKey>(path, { method: "POST", body: who?.user && who.role === "admin" ? { ...body, user_id: who.user.id } : body });
  apiKey.value = made.key;
}
