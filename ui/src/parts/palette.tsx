/** ⌘K / Ctrl-K: every screen and command by name. */
import { signal } from "@preact/signals";
import { useId, useMemo, useRef, useState } from "preact/hooks";
import { text } from "../text";
import { Icon, type IconName } from "./icon";
import { useLayer, useModal } from "./modal";

export interface Command {
  id: string;
  label: string;
  group: string;
  icon?: IconName;
  hint?: string;
  run: () => void;
}

export const paletteOpen = signal(false);

export function Palette({ commands }: { commands: Command[] }) {
  return paletteOpen.value ? <Opened commands={commands} /> : null;
}

function Opened({ commands }: { commands: Command[] }) {
  const box = useRef<HTMLDialogElement>(null);
  const list = useId();
  const [typed, setTyped] = useState("");
  const [active, setActive] = useState(0);
  const found = useMemo(() => search(commands, typed), [commands, typed]);
  useModal(box);
  const close = () => {
    paletteOpen.value = false;
  };
  // It is told with a later frame, when the next one may stand open.
  const closed = (event: Event) => (event.currentTarget as HTMLElement).isConnected && close();
  useLayer({ named: false, holds: () => false, close });
  const run = (command: Command | undefined) => {
    close();
    command?.run();
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setActive(Math.min(found.length - 1, active + 1));
    else if (event.key === "ArrowUp") setActive(Math.max(0, active - 1));
    else if (event.key === "Enter") run(found[active]);
    else return;
    event.preventDefault();
  };
  return (
    <dialog ref={box} class="palette" aria-label={text.palette.title} onCancel={close} onClose={closed} onMouseDown={(event) => event.target === box.current && close()}>
      <div class="palette-input">
        <Icon name="search" />
        <input
          autofocus
          role="combobox"
          aria-expanded="true"
          aria-controls={list}
          aria-activedescendant={found[active] ? `${list}-${active}` : undefined}
          aria-label={text.palette.title}
          placeholder={text.palette.placeholder}
          value={typed}
          onInput={(event) => {
            setTyped(event.currentTarget.value);
            setActive(0);
          }}
          onKeyDown={keys}
        />
        <kbd>esc</kbd>
      </div>
      <ul id={list} role="listbox" aria-label={text.palette.title}>
        {found.map((command, n) => (
          <li
            key={command.id}
            id={`${list}-${n}`}
            role="option"
            aria-selected={n === active}
            ref={(element) => { if (n === active) element?.scrollIntoView({ block: "nearest" }); }}
            onMouseMove={() => setActive(n)}
            onClick={() => run(command)}
          >
            <Icon name={command.icon ?? "right"} />
            <span>{command.label}</span>
            <small>{command.hint ?? command.group}</small>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p class="palette-none">{text.palette.none}</p>}
    </dialog>
  );
}

/** Every typed word must be in the label or the group; words that begin the label come first. */
function search(commands: Command[], typed: string): Command[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return commands.slice(0, 60);
  return commands
    .map((command) => ({ command, label: command.label.toLowerCase(), all: `${command.label} ${command.group}`.toLowerCase() }))
    .filter((one) => words.every((word) => one.all.includes(word)))
    .sort((a, b) => Number(b.label.startsWith(words[0] ?? "")) - Number(a.label.startsWith(words[0] ?? "")))
    .slice(0, 60)
    .map((one) => one.command);
}
