/** A user as typed into the form, and back. */
import type { User, UserInput } from "../../api/types";
import { fromLines, toLines } from "../../format/lines";
import { limitFields, limitInput, type LimitInput } from "../../parts/limits";

export interface Draft {
  username: string;
  password: string;
  role: string;
  enabled: boolean;
  allowed_models: string;
  limits: LimitInput;
}

export const FIELDS = ["username", "password", "role", "allowed_models", "rpm", "tpm", "max_parallel", "budget_usd", "budget_period"] as const;

export function draftOf(user?: User): Draft {
  return { username: user?.username ?? "", password: "", role: user?.role ?? "user", enabled: user?.enabled ?? true, allowed_models: toLines(user?.allowed_models), limits: limitInput(user) };
}

export function toInput(user: User): UserInput {
  return inputOf(draftOf(user));
}

export function inputOf(draft: Draft): UserInput {
  return {
    username: draft.username.trim(),
    ...(draft.password ? { password: draft.password } : {}),
    role: draft.role as UserInput["role"],
    enabled: draft.enabled,
    allowed_models: fromLines(draft.allowed_models),
    ...limitFields(draft.limits),
  };
}
