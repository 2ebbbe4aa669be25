/** Chooses one of many models by typing a part of its name. */
import { useEffect, useId, useMemo, useRef, useState } from "preact/hooks";
import type { Model } from "../api/inference";
import { text } from "../text";
import { Badge } from "./badge";
import { Icon } from "./icon";

const MAX_SHOWN = 200;

interface ModelPickerProps {
  models: Model[];
  value: string;
  onChange: (id: string) => void;
  label?: string;
}

export function ModelPicker({ models, value, onChange, label = text.playground.model.pick }: ModelPickerProps) {
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
      <button type="button" class="input" aria-haspopup="listbox" aria-expanded={open} aria-label={`${label}: ${value || text.common.none}`} onClick={() => setOpen(!open)}>
        <span class={value ? "truncate" : "truncate faint"}>{value || label}</span>
        {chosen?.supports_image_upload && <Eye />}
        <Icon name="down" size={14} />
      </button>
      {open && <Choices models={models} value={value} label={label} onClose={close} onChange={(id) => { onChange(id); close(); }} />}
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

function Choices({ models, value, label, onChange, onClose }: Required<ModelPickerProps> & { onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const id = useId();
  const found = useMemo(() => {
    const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
    return models.filter((model) => words.every((word) => `${model.id} ${model.name} ${model.owned_by}`.toLowerCase().includes(word)));
  }, [models, typed]);
  const [active, setActive] = useState(() => Math.max(0, models.findIndex((model) => model.id === value)));
  const keys = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setActive(Math.min(found.length - 1, active + 1));
    else if (event.key === "ArrowUp") setActive(Math.max(0, active - 1));
    else if (event.key === "Enter") found[active] && onChange(found[active].id);
    else if (event.key === "Escape") onClose();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="picker-box" onKeyDown={keys}>
      <input
        class="input"
        role="combobox"
        aria-expanded="true"
        aria-controls={id}
        aria-label={text.playground.model.search}
        aria-activedescendant={found[active] ? `${id}-${active}` : undefined}
        placeholder={text.playground.model.search}
        ref={(element) => { element?.focus(); }}
        value={typed}
        onInput={(event) => { setTyped(event.currentTarget.value); setActive(0); }}
      />
      <ul id={id} role="listbox" aria-label={label}>
        {found.slice(0, MAX_SHOWN).map((model, n) => (
          <li
            key={model.id}
            id={`${id}-${n}`}
            role="option"
            aria-selected={n === active}
            ref={(element) => { if (n === active) element?.scrollIntoView({ block: "nearest" }); }}
            onMouseMove={() => setActive(n)}
            onClick={() => onChange(model.id)}
          >
            <span class="truncate">{model.id}</span>
            {model.supports_image_upload && <Eye />}
            {model.state !== "ready" && <Badge tone="warn">{model.state}</Badge>}
            <small class="truncate">{model.owned_by}</small>
            {model.id === value && <Icon name="check" size={14} />}
          </li>
        ))}
      </ul>
      {found.length === 0 && <p class="muted">{models.length ? text.playground.model.none : text.playground.model.empty}</p>}
    </div>
  );
}
