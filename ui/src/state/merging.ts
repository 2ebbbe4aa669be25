/** Saving what somebody else may have changed since the form began: what differs is told, and whose is taken chosen by field. */
import { useState } from "preact/hooks";
import type { Collection, Stored } from "../api/collection";
import { ApiError } from "../api/errors";
import { differs } from "./saving";

/** A field that somebody else changed to something else than the form says. */
export interface Clash {
  field: string;
  theirs: unknown;
  mine: unknown;
}

export interface Merging<View, Input> {
  /** What is there, as far as the form knows; undefined for what is new. */
  base: View | undefined;
  clashes: Clash[];
  /** What was saved; null where somebody else was quicker: nothing is saved then, and `clashes` stand there. */
  save: (mine: Input) => Promise<View | null>;
}

/** `take` gets the fields for the form: what was changed in it stays, the rest is as somebody else left it. */
export function useMerging<View extends Stored, Input extends object>(things: Collection<View, Input>, known: View | undefined, toInput: (view: View) => Input, take: (fields: Input, base: View) => void): Merging<View, Input> {
  const [base, setBase] = useState(known);
  const [clashes, setClashes] = useState<Clash[]>([]);
  const settle = (view: View, found: Clash[]) => {
    setBase(view);
    setClashes(found);
  };
  const replace = async (before: View, mine: Input): Promise<View | null> => {
    try {
      return await things.replace(before, mine);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 412)) throw error;
    }
    const now = await things.one(before.id);
    const { fields, found } = merge(toInput(before), toInput(now), mine);
    if (found.length === 0) return replace(now, fields);
    settle(now, found);
    take(fields, now);
    return null;
  };
  return {
    base,
    clashes,
    save: async (mine) => {
      const saved = await (base ? replace(base, mine) : things.create(mine));
      if (saved) settle(saved, []);
      return saved;
    },
  };
}

/** What is empty is as good as left out: YAML leaves it out, and the server fills it in. */
export function unlike(one: unknown, other: unknown): boolean {
  return differs(filled(one), filled(other));
}

export function filled(value: unknown): unknown {
  if (Array.isArray(value)) return value.length ? value.map(filled) : null;
  if (typeof value !== "object" || value === null) return value === "" ? null : (value ?? null);
  const entries = Object.entries(value).map(([name, part]) => [name, filled(part)] as const).filter(([, part]) => part !== null);
  return entries.length ? Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))) : null;
}

function merge<Input extends object>(was: Input, now: Input, mine: Input): { fields: Input; found: Clash[] } {
  const names = [...new Set([...Object.keys(was), ...Object.keys(now)])] as (keyof Input & string)[];
  const changed = names.filter((name) => unlike(was[name], now[name]));
  const found = changed.filter((name) => unlike(mine[name], now[name])).map((field) => ({ field, theirs: now[field], mine: mine[field] }));
  const theirs = changed.filter((name) => !unlike(mine[name], was[name])).map((name) => [name, now[name]]);
  return { fields: { ...mine, ...Object.fromEntries(theirs) }, found };
}
