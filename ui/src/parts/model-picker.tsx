/** Chooses one of many models by typing a part of its name. */
import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Model } from "../api/inference";
import { text } from "../text";
import { Badge } from "./badge";
import { Icon } from "./icon";
import { keepInside } from "./inside";

const MAX_SHOWN = 200;

type Offered = Pick<Model, "id"> & Partial<Pick<Model, "name" | "owned_by" | "state" | "supports_image_upload">>;

interface ModelPickerProps {
  models: Offered[];
  value: string;
  onChange: (id: string) => void;
  label?: string;
  /** What no model means, offered as the first choice. Left out: one has to be chosen. */
  none?: string;
}

export function ModelPicker({ models, value, onChange, label = text.playground.model.pick, none }: ModelPickerProps) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const chosen = models.find((model) => model.id === value);
  useEffect(() => {
    if (!open) return;
    const outside = (event: MouseEvent) => !box.current?.contains(event.target as Node) && setOpen(false);
    document.addEventListener("mousedown", outside);
    return () => document.removeEventListener("mousedown", outside);
  }, [open]);
  const close = () => {
    setOpen(false);
    box.current?.querySelector("button")?.focus();
  };
  return (
    <div class="picker" ref={box}>
      <button type="button" class="input" aria-haspopup="listbox" aria-expanded={open} aria-label={`${label}: ${value || none || text.common.none}`} onClick={() => setOpen(!open)} onKeyDown={(event) => { if (event.key === "ArrowDown") { event.preventDefault(); setOpen(true); } }}>
        <span class={value || none ? "truncate" : "truncate faint"}>{value || none || label}</span>
        {chosen?.supports_image_upload && <Eye />}
        <Icon name="down" size={14} />
      </button>
      {open && <Choices models={models} value={value} label={label} none={none} onClose={close} onChange={(id) => { onChange(id); close(); }} />}
    </div>
  );
}

function Eye() {
  return (
    <span class="sees" role="img" title={text.playground.model.sees} aria-label={text.playground.model.sees}>
      <Icon name="camera" size={14} />
    </span>
  );
}

function Choices({ models, value, label, none, onChange, onClose }: ModelPickerProps & { onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const id = useId();
  const found = useMemo(() => {
    const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
    const all: Offered[] = none ? [{ id: "", name: none }, ...models] : models;
    return all.filter((model) => words.every((word) => `${model.id} ${model.name ?? ""} ${model.owned_by ?? ""}`.toLowerCase().includes(word)));
  }, [models, typed, none]);
  const shown = found.slice(0, MAX_SHOWN);
  const [active, setActive] = useState(() => Math.max(0, shown.findIndex((model) => model.id === value)));
  const input = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLUListElement>(null);
  // Only now does the box stand where it is seen whole, so that neither scrolls the page.
  useLayoutEffect(() => input.current?.focus(), []);
  useLayoutEffect(() => list.current?.children[active]?.scrollIntoView({ block: "nearest" }), [active]);
  const keys = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setActive(Math.min(shown.length - 1, active + 1));
    else if (event.key === "ArrowUp") setActive(Math.max(0, active - 1));
    else if (event.key === "Enter") shown[active] && onChange(shown[active].id);
    else if (event.key === "Escape") onClose();
    else {
      if (event.key === "Tab") onClose();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="picker-box" ref={keepInside} onKeyDown={keys}>
      <input
        class="input"
        role="combobox"
        aria-expanded="true"
        aria-controls={id}
        aria-label={text.playground.model.search}
        aria-activedescendant={shown[active] ? `${id}-${active}` : undefined}
        placeholder={text.playground.model.search}
        ref={input}
        value={typed}
        onInput={(event) => { setTyped(event.currentTarget.value); setActive(0); }}
      />
      <ul id={id} ref={list} role="listbox" aria-label={label}>
        {shown.map((model, n) => (
          <li
            key={model.id}
            id={`${id}-${n}`}
            role="option"
            aria-selected={n === active}
            onMouseMove={() => setActive(n)}
            onClick={() => onChange(model.id)}
          >
            <span class="truncate">{model.id || none}</span>
            {model.supports_image_upload && <Eye />}
            {model.state && model.state !== "ready" && <Badge tone="warn">{model.state}</Badge>}
            <small class="truncate">{model.owned_by}</small>
            {model.id === value && <Icon name="check" size={14} />}
          </li>
        ))}
      </ul>
      {found.length > shown.length && <p class="muted">{text.playground.model.more(found.length - shown.length)}</p>}
      {found.length === 0 && <p class="muted">{models.length ? text.playground.model.none : text.playground.model.empty}</p>}
    </div>
  );
}
