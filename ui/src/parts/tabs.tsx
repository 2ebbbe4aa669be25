/** Tabs of a screen (links, so that they can be shared) and small choices in a row. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { href } from "../state/router";
import { Icon, type IconName } from "./icon";

export interface TabItem {
  to: string;
  label: string;
  icon?: IconName;
  current: boolean;
}

export function Tabs({ label, items }: { label: string; items: TabItem[] }) {
  const row = useRef<HTMLElement>(null);
  const current = items.find((item) => item.current)?.to;
  useEffect(() => {
    const tab = row.current?.querySelector<HTMLElement>("[aria-current]");
    // A phone shows a part of the row.
    if (row.current && tab) row.current.scrollLeft = tab.offsetLeft - (row.current.clientWidth - tab.offsetWidth) / 2;
  }, [current]);
  return (
    <nav class="tabs" aria-label={label} ref={row}>
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
