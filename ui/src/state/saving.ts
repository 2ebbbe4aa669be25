/** A form on its way to the server: busy, and the error with the field it names. */
import { useState } from "preact/hooks";
import { ApiError } from "../api/errors";

export interface Saving {
  busy: boolean;
  /** The error that belongs to no field of this form. */
  error: unknown;
  /** Whatever went wrong, for where there are no fields. */
  problem: unknown;
  /** What is wrong with a field, told by the server. */
  of: (field: string) => string | undefined;
  run: (action: () => Promise<void>) => Promise<void>;
  clear: () => void;
}

/** `fields` are the names that this form shows errors at; others are shown above it. */
export function useSaving(fields: readonly string[]): Saving {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(undefined);
  const named = error instanceof ApiError ? fieldOf(error, fields) : null;
  return {
    busy,
    error: named === null ? error : undefined,
    problem: error,
    of: (field) => (field === named && error instanceof ApiError ? error.message : undefined),
    clear: () => setError(undefined),
    run: async (action) => {
      setBusy(true);
      setError(undefined);
      try {
        await action();
      } catch (problem) {
        setError(problem);
      }
      setBusy(false);
    },
  };
}

/** Whether a form says something else than what it began with. */
export function differs(typed: unknown, first: unknown): boolean {
  return JSON.stringify(typed) !== JSON.stringify(first);
}

/** `targets.0.weight` belongs to the field `targets`. */
function fieldOf(error: ApiError, fields: readonly string[]): string | null {
  const { param } = error;
  if (!param) return null;
  const snake = param.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return fields.find((field) => field === param || field === snake) ?? fields.find((field) => param.startsWith(`${field}.`) || param.startsWith(`${field}[`)) ?? null;
}
