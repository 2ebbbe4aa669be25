/** Form fields: a label, a control, help, and the server's error for just this field. */
import type { ComponentChildren, ComponentProps } from "preact";
import { useId, useState } from "preact/hooks";
import { text } from "../text";
import { Button } from "./button";
import { reveal } from "./inside";

interface Shell {
  label: string;
  help?: ComponentChildren;
  error?: string | undefined;
  optional?: boolean;
}

interface Wiring {
  id: string;
  "aria-describedby": string | undefined;
  "aria-invalid": boolean;
}

export function Field(props: Shell & { children: (wiring: Wiring) => ComponentChildren }) {
  const id = useId();
  const note = props.error ?? props.help;
  const wiring: Wiring = {
    id,
    "aria-describedby": note ? `${id}-note` : undefined,
    "aria-invalid": props.error !== undefined,
  };
  return (
    <div class={props.error === undefined ? "field" : "field invalid"}>
      <label for={id}>
        {props.label}
        {props.optional && <span class="optional">{text.common.optional}</span>}
      </label>
      {props.children(wiring)}
      {note && (
        <p id={`${id}-note`} ref={props.error === undefined ? null : reveal} class="note" role={props.error === undefined ? undefined : "alert"}>
          {note}
        </p>
      )}
    </div>
  );
}

interface TextProps extends Shell {
  value: string;
  onInput: (value: string) => void;
  type?: "text" | "password" | "number" | "url" | "datetime-local" | "email";
  placeholder?: string;
  required?: boolean;
  autocomplete?: string;
  mono?: boolean;
  autofocus?: boolean;
  list?: string;
  min?: number;
  max?: number;
  step?: number | "any";
  disabled?: boolean;
}

/** Without a last one, browsers let a year have six digits, which nothing else reads. */
const LAST_MOMENT = "9999-12-30T23:59";

export function TextField(props: TextProps) {
  const { label, help, error, optional, value, onInput, mono, ...rest } = props;
  return (
    <Field label={label} help={help} error={error} optional={optional ?? false}>
      {(wiring) => (
        <input
          {...wiring}
          {...(rest as ComponentProps<"input">)}
          max={rest.max ?? (rest.type === "datetime-local" ? LAST_MOMENT : undefined)}
          class={mono ? "input mono" : "input"}
          value={value}
          spellcheck={false}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

/** A secret: hidden until asked for, never filled in by the browser. */
export function SecretField(props: Omit<TextProps, "type">) {
  const [shown, setShown] = useState(false);
  const { label, help, error, optional, value, onInput, ...rest } = props;
  return (
    <Field label={label} help={help} error={error} optional={optional ?? false}>
      {(wiring) => (
        <span class="joined">
          <input
            {...wiring}
            {...({ ...rest, type: shown ? "text" : "password" } as ComponentProps<"input">)}
            class="input mono"
            value={value}
            spellcheck={false}
            autocomplete={rest.autocomplete ?? "off"}
            onInput={(event) => onInput(event.currentTarget.value)}
          />
          <Button icon="eye" label={text.common.showSecret} pressed={shown} onClick={() => setShown(!shown)} />
        </span>
      )}
    </Field>
  );
}

export function AreaField(props: Shell & { value: string; onInput: (value: string) => void; rows?: number; mono?: boolean; placeholder?: string }) {
  const { label, help, error, optional, value, onInput, mono, ...rest } = props;
  return (
    <Field label={label} help={help} error={error} optional={optional ?? false}>
      {(wiring) => (
        <textarea
          {...wiring}
          {...rest}
          class={mono ? "input mono" : "input"}
          value={value}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

export interface Option {
  value: string;
  label: string;
  disabled?: boolean;
}

export function SelectField(props: Shell & { value: string; options: Option[]; onChange: (value: string) => void; disabled?: boolean }) {
  return (
    <Field label={props.label} help={props.help} error={props.error} optional={props.optional ?? false}>
      {(wiring) => <Select {...wiring} value={props.value} options={props.options} onChange={props.onChange} disabled={props.disabled ?? false} />}
    </Field>
  );
}

interface SelectProps extends Partial<Wiring> {
  value: string;
  options: Option[];
  disabled?: boolean;
  onChange: (value: string) => void;
  "aria-label"?: string;
}

export function Select({ value, options, onChange, ...rest }: SelectProps) {
  return (
    <select {...rest} class="input" value={value} onChange={(event) => onChange(event.currentTarget.value)}>
      {options.map((option) => (
        <option key={option.value} value={option.value} disabled={option.disabled}>
          {option.label}
        </option>
      ))}
    </select>
  );
}

/** Where it cannot be turned, `onChange` tells `false`, and it goes back. */
export function Switch(props: { label: string; checked: boolean; onChange: (checked: boolean) => Promise<boolean> | void; help?: string; hideLabel?: boolean; disabled?: boolean }) {
  return (
    <label class="switch" title={props.hideLabel ? props.label : undefined}>
      <input
        type="checkbox"
        role="switch"
        checked={props.checked}
        disabled={props.disabled}
        aria-label={props.hideLabel ? props.label : undefined}
        onChange={(event) => {
          const box = event.currentTarget;
          void props.onChange(box.checked)?.then((turned) => {
            if (!turned) box.checked = props.checked;
          });
        }}
      />
      <i aria-hidden="true" />
      {!props.hideLabel && (
        <span>
          {props.label}
          {props.help && <small>{props.help}</small>}
        </span>
      )}
    </label>
  );
}
