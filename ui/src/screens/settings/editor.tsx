/** The control for a setting's value, as its JSON schema says. */
import { AreaField, SelectField, Switch, TextField } from "../../parts/field";
import { text } from "../../text";

export interface Schema {
  type?: string;
  enum?: unknown[];
  anyOf?: Schema[];
}

/** A value as typed: text for everything but switches. */
export type Typed = string | boolean;

export function kindOf(schema: Schema): "switch" | "number" | "choice" | "text" | "json" {
  const parts = (schema.anyOf ?? [schema]).filter((one) => one.type !== "null");
  const [only] = parts;
  if (parts.length !== 1 || !only) return "json";
  if (only.enum) return "choice";
  if (only.type === "boolean") return "switch";
  if (only.type === "number" || only.type === "integer") return "number";
  return only.type === "string" ? "text" : "json";
}

export function typedOf(value: unknown, schema: Schema): Typed {
  const kind = kindOf(schema);
  if (kind === "switch") return value === true;
  if (kind === "json") return JSON.stringify(value ?? null, null, 2);
  return value == null ? "" : String(value);
}

/** Throws SyntaxError for broken JSON. */
export function valueOf(typed: Typed, schema: Schema): unknown {
  const kind = kindOf(schema);
  if (typeof typed === "boolean") return typed;
  if (kind === "json") return JSON.parse(typed);
  if (typed.trim() === "") return null;
  return kind === "number" ? Number(typed) : typed;
}

interface EditorProps {
  schema: Schema;
  typed: Typed;
  error: string | undefined;
  help: string;
  onChange: (typed: Typed) => void;
}

export function Editor({ schema, typed, error, help, onChange }: EditorProps) {
  const label = text.settings.value;
  if (typeof typed === "boolean") return <Switch label={typed ? text.settings.on : text.settings.off} checked={typed} onChange={onChange} />;
  switch (kindOf(schema)) {
    case "choice": {
      const [only] = (schema.anyOf ?? [schema]).filter((one) => one.type !== "null");
      return <SelectField label={label} help={help} error={error} value={typed} options={(only?.enum ?? []).map((one) => ({ value: String(one), label: String(one) }))} onChange={onChange} />;
    }
    case "number":
      return <TextField label={label} type="number" step="any" help={help} error={error} value={typed} onInput={onChange} />;
    case "text":
      return <TextField label={label} mono help={help} error={error} value={typed} onInput={onChange} />;
    default:
      return <AreaField label={`${label} (${text.settings.json})`} mono rows={5} help={help} error={error} value={typed} onInput={onChange} />;
  }
}
