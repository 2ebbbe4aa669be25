/** YAML that is edited in step with a form: read by the server a moment after the last key, every mistake with its line. */
import { useEffect, useRef, useState } from "preact/hooks";
import { type Problem, readYaml, type ReadEntry } from "../api/written";
import { complain } from "../state/toasts";
import { text } from "../text";
import { Icon } from "./icon";

const PAUSE = 350;

export interface YamlText {
  /** What was typed; null while it is what the form says. */
  typed: string | null;
  problems: Problem[];
  type: (text: string) => void;
  /** Takes over what was typed: true where the form has it now. */
  settle: () => Promise<boolean>;
}

/** `take` gets the fields of each text that is right. */
export function useYaml(resource: "models" | "providers", id: string, take: (entry: ReadEntry) => void): YamlText {
  const [typed, setTyped] = useState<string | null>(null);
  const [problems, setProblems] = useState<Problem[]>([]);
  const round = useRef(0);
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);

  const read = async (yaml: string): Promise<boolean> => {
    const mine = ++round.current;
    const entry = await readYaml(resource, yaml, id);
    if (mine !== round.current) return false;
    setProblems(entry.problems.toSorted((a, b) => a.line - b.line));
    if (entry.fields) take(entry);
    return entry.fields !== null;
  };
  return {
    typed,
    problems,
    type: (yaml) => {
      setTyped(yaml);
      clearTimeout(timer.current);
      timer.current = window.setTimeout(() => void read(yaml).catch(complain), PAUSE);
    },
    settle: async () => {
      clearTimeout(timer.current);
      if (typed === null) return true;
      const fits = await read(typed);
      if (fits) setTyped(null);
      return fits;
    },
  };
}

export function YamlEditor({ of, content, label }: { of: YamlText; content: string; label: string }) {
  const words = text.forms.yaml;
  const shown = of.typed ?? content;
  const gutter = useRef<HTMLDivElement>(null);
  const area = useRef<HTMLTextAreaElement>(null);
  const wrong = new Map(of.problems.map((one) => [one.line, one.message]));
  const lines = shown.split("\n").length;
  const goTo = (line: number) => {
    const box = area.current;
    if (!box) return;
    const from = shown.split("\n").slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    box.focus();
    box.setSelectionRange(from, from + (shown.split("\n")[line - 1] ?? "").length);
  };
  return (
    <div class="form">
      <p class="muted">{words.lead}</p>
      <div class="yaml">
        <div ref={gutter} class="yaml-lines" aria-hidden="true">
          {Array.from({ length: lines }, (_, n) => <span key={n} class={wrong.has(n + 1) ? "bad" : ""} title={wrong.get(n + 1)}>{n + 1}</span>)}
        </div>
        <textarea
          ref={area}
          aria-label={label}
          aria-invalid={of.problems.length > 0}
          value={shown}
          rows={Math.max(14, Math.min(32, lines + 1))}
          wrap="off"
          spellcheck={false}
          autocapitalize="off"
          onInput={(event) => of.type(event.currentTarget.value)}
          onScroll={(event) => gutter.current && (gutter.current.scrollTop = event.currentTarget.scrollTop)}
        />
      </div>
      <div role="status">
        {of.problems.length === 0 && of.typed !== null && <p class="ok-text"><Icon name="check" size={14} /> {words.fits}</p>}
        {of.problems.length > 0 && (
          <ul class="yaml-problems">
            {of.problems.map((one) => <li key={`${one.line} ${one.message}`}><button type="button" class="link" onClick={() => goTo(one.line)}>{words.line(one.line)}</button> {one.message}</li>)}
          </ul>
        )}
      </div>
    </div>
  );
}
