/** Tabs of a screen (links, so that they can be shared) and small choices in a row. */
import type { ComponentChildren } from "preact";
import { href } from "../state/router";
import { Icon, type IconName } from "./icon";

export interface TabItem {
  to: string;
  label: string;
  icon?: IconName;
  current: boolean;
}

export function Tabs({ label, items }: { label: string; items: TabItem[] }) {
  return (
    <nav class="tabs" aria-label={label}>
      {items.map((item) => (
        <a key={item.to} href={href(item.to)} aria-current={item.current ? "page" : undefined}>
          {item.icon && <Icon name={item.icon} />}
          {item.label}
        </a>
      ))}
    </nav>
  );
}

export function Segments<T extends string>(props: {
  label: string;
  value: T;
  options: { value: T; label: ComponentChildren; title?: string }[];
  onChange: (value: T) => void;
}) {
  return (
    <div class="segments" role="group" aria-label={props.label}>
      {props.options.map((option) => (
        <button
          key={option.value}
          type="button"
          title={option.title}
          aria-pressed={option.value === props.value}
          onClick={() => props.onChange(option.value)}
        >
          {option.label}
        </button>
      ))}
    </div>
  );
}
