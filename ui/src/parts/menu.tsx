/** A small panel under a button; closes on Escape, on a click elsewhere, and after a choice. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "./button";
import { Icon, type IconName } from "./icon";
import { keepInside } from "./inside";

interface MenuProps {
  icon: IconName;
  label: string;
  children: ComponentChildren;
  kind?: "ghost" | "plain";
  /** Shows the label beside the icon. */
  wide?: boolean;
}

export function Menu({ icon, label, children, kind = "plain", wide }: MenuProps) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (!open) return;
    const outside = (event: MouseEvent) => !box.current?.contains(event.target as Node) && setOpen(false);
    const escape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      event.preventDefault();
      setOpen(false);
      box.current?.querySelector("button")?.focus();
    };
    document.addEventListener("mousedown", outside);
    document.addEventListener("keydown", escape, true);
    return () => {
      document.removeEventListener("mousedown", outside);
      document.removeEventListener("keydown", escape, true);
    };
  }, [open]);
  return (
    <span class="menu" ref={box} aria-expanded={undefined}>
      <Button icon={icon} kind={kind} {...(wide ? {} : { label })} pressed={open} onClick={() => setOpen(!open)}>
        {wide ? label : undefined}
      </Button>
      {open && <div class="menu-box" ref={keepInside}>{children}</div>}
    </span>
  );
}

export function MenuItem(props: { icon?: IconName; danger?: boolean; disabled?: boolean; onClick: () => void; children: ComponentChildren }) {
  return (
    <button type="button" class={props.danger ? "menu-item danger" : "menu-item"} disabled={props.disabled} onClick={props.onClick}>
      {props.icon && <Icon name={props.icon} size={14} />}
      {props.children}
    </button>
  );
}
