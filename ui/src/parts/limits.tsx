/** Limits of a key or a user, as fields of a form. */
import { text } from "../text";
import { SelectField, TextField } from "./field";

export interface LimitInput {
  rpm: string;
  tpm: string;
  max_parallel: string;
  budget_usd: string;
  budget_period: string;
}

interface Limited {
  rpm?: number | null;
  tpm?: number | null;
  max_parallel?: number | null;
  budget_usd?: number | null;
  budget_period?: string;
}

export const LIMIT_FIELDS = ["rpm", "tpm", "max_parallel", "budget_usd", "budget_period"] as const;

export function limitInput(of?: Limited): LimitInput {
  const figure = (value: number | null | undefined) => (value == null ? "" : String(value));
  return { rpm: figure(of?.rpm), tpm: figure(of?.tpm), max_parallel: figure(of?.max_parallel), budget_usd: figure(of?.budget_usd), budget_period: of?.budget_period ?? "month" };
}

export type BudgetPeriod = "day" | "week" | "month" | "total";

export function limitFields(input: LimitInput) {
  const figure = (typed: string) => (typed.trim() === "" ? null : Number(typed));
  return {
    rpm: figure(input.rpm),
    tpm: figure(input.tpm),
    max_parallel: figure(input.max_parallel),
    budget_usd: figure(input.budget_usd),
    budget_period: input.budget_period as BudgetPeriod,
  };
}

interface LimitsProps {
  value: LimitInput;
  onChange: (value: LimitInput) => void;
  errorOf: (field: string) => string | undefined;
}

export function Limits({ value, onChange, errorOf }: LimitsProps) {
  const words = text.forms;
  const figure = (field: keyof LimitInput, label: string, step: number | "any" = 1, help?: string) => (
    <TextField label={label} type="number" min={0} step={step} placeholder={words.unlimited} value={value[field]} help={help} error={errorOf(field)} onInput={(typed) => onChange({ ...value, [field]: typed })} />
  );
  return (
    <fieldset>
      <legend>{words.limits}</legend>
      <div class="three">
        {figure("rpm", words.rpm)}
        {figure("tpm", words.tpm)}
        {figure("max_parallel", words.parallel)}
      </div>
      <div class="two">
        {figure("budget_usd", words.budget, "any", words.budgetHelp)}
        <SelectField label={words.period} value={value.budget_period} error={errorOf("budget_period")} options={Object.entries(words.periods).map(([name, label]) => ({ value: name, label }))} onChange={(period) => onChange({ ...value, budget_period: period })} />
      </div>
    </fieldset>
  );
}
