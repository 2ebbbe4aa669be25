/** The things that administrators edit: list, read, create, replace, delete, the same for every resource. */
import { ask, params } from "./client";
import type { ApiKey, ApiKeyInput, Deleted, ModelEntry, ModelInput, Page, Preview, Provider, ProviderInput, Setting, User, UserInput } from "./types";

const PAGE = 1000;

export interface Stored {
  id: string;
  version?: number;
}

export interface Collection<View extends Stored, Input> {
  name: string;
  all: (signal?: AbortSignal) => Promise<View[]>;
  one: (id: string) => Promise<View>;
  create: (body: Input) => Promise<View>;
  /** Fails with status 412 when somebody else changed it since `before` was read. */
  replace: (before: Stored, body: Input) => Promise<View>;
  preview: (before: Stored, body: Input) => Promise<Preview>;
  remove: (id: string, cascade: boolean) => Promise<Deleted>;
  previewRemoval: (id: string) => Promise<Preview>;
}

function collection<View extends Stored, Input>(name: string): Collection<View, Input> {
  const root = `/api/admin/${name}`;
  const one = (id: string) => `${root}/${id.split("/").map(encodeURIComponent).join("/")}`;
  const based = (before: Stored) => ({ "if-match": `"${before.version ?? 0}"` });
  return {
    name,
    all: async (signal) => {
      const rows: View[] = [];
      for (;;) {
        const page = await ask<Page<View>>(root + params({ limit: PAGE, offset: rows.length }), signal ? { signal } : {});
        rows.push(...page.data);
        if (rows.length >= page.total || page.data.length === 0) return rows;
      }
    },
    one: (id) => ask(one(id)),
    create: (body) => ask(root, { method: "POST", body }),
    replace: (before, body) => ask(one(before.id), { method: "PUT", body, headers: based(before) }),
    preview: (before, body) => ask(`${one(before.id)}?dry_run=true`, { method: "PUT", body }),
    remove: (id, cascade) => ask(one(id) + params({ cascade: cascade || null }), { method: "DELETE" }),
    previewRemoval: (id) => ask(`${one(id)}?dry_run=true`, { method: "DELETE" }),
  };
}

export const providers = collection<Provider, ProviderInput>("providers");
export const models = collection<ModelEntry, ModelInput>("models");
export const apiKeys = collection<ApiKey, ApiKeyInput>("apikeys");
export const users = collection<User, UserInput>("users");
export const settings = collection<Setting, { value: unknown }>("settings");
