/** Buttons and links that look like them. */
import type { ComponentChildren } from "preact";
import { href } from "../state/router";
import { Icon, type IconName } from "./icon";

export interface ButtonProps {
  children?: ComponentChildren;
  icon?: IconName;
  kind?: "plain" | "primary" | "danger" | "ghost";
  size?: "small" | "normal";
  type?: "button" | "submit";
  busy?: boolean;
  disabled?: boolean;
  pressed?: boolean;
  title?: string;
  /** Name for people who cannot see the icon. */
  label?: string;
  form?: string;
  onClick?: () => void;
}

export function Button(props: ButtonProps) {
  const { kind = "plain", size = "normal", type = "button", busy = false, icon } = props;
  const classes = ["button", kind, size, props.children == null ? "square" : ""].join(" ").trim();
  return (
    <button
      type={type}
      form={props.form}
      class={classes}
      disabled={props.disabled}
      aria-disabled={busy || undefined}
      aria-busy={busy}
      aria-pressed={props.pressed}
      aria-label={props.label}
      title={props.title ?? props.label}
      onClick={busy ? refuse : props.onClick}
    >
      {busy ? <span class="spinner" /> : icon && <Icon name={icon} size={size === "small" ? 14 : 15} />}
      {props.children}
    </button>
  );
}

/** A busy button is not disabled, which would take the focus from it; it sends no form either. */
function refuse(event: Event): void {
  event.preventDefault();
}

export function LinkButton(props: { to: string; icon?: IconName; kind?: ButtonProps["kind"]; children: ComponentChildren }) {
  return (
    <a class={`button ${props.kind ?? "plain"} normal`} href={href(props.to)}>
      {props.icon && <Icon name={props.icon} size={15} />}
      {props.children}
    </a>
  );
}
