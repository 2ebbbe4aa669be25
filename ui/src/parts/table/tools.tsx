/** The tools above a table: search, column chooser, CSV. State of the view lives in the address. */
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { download, toCsv } from "../../format/csv";
import { count } from "../../format/numbers";
import { kept } from "../../state/kept";
import { query, setQuery } from "../../state/router";
import { text } from "../../text";
import { Button } from "../button";
import { Icon } from "../icon";
import { Menu } from "../menu";
import { type Column, parseSorting, type Sorting } from "./column";

export interface View<T> {
  columns: Column<T>[];
  all: Column<T>[];
  sorting: Sorting | null;
  onSort: (sorting: Sorting | null) => void;
  shown: Set<string>;
  toggle: (id: string) => void;
}

const chosen = kept<Record<string, string[]>>("columns", {});

/** Columns as chosen in this browser, sorting as in the address. */
export function useView<T>(name: string, all: Column<T>[], initial: string | null = null): View<T> {
  const ids = chosen.value[name];
  const shown = useMemo(() => new Set(ids ?? all.filter((column) => !column.extra).map((column) => column.id)), [ids, all]);
  const columns = useMemo(() => all.filter((column) => shown.has(column.id)), [all, shown]);
  const sortText = query.value.get("sort") ?? initial;
  const sorting = useMemo(() => parseSorting(sortText), [sortText]);
  return {
    columns,
    all,
    sorting,
    shown,
    onSort: (next) => setQuery({ sort: next ? (next.down ? "-" : "") + next.id : null }),
    toggle: (id) => {
      const next = all.map((column) => column.id).filter((one) => (one === id ? !shown.has(one) : shown.has(one)));
      if (next.length) chosen.value = { ...chosen.value, [name]: next };
    },
  };
}

/** Text typed here reaches the address, and so the filter, after a pause of 300 ms. */
export function SearchBox({ name = "q", label }: { name?: string; label: string }) {
  const inAddress = query.value.get(name) ?? "";
  const [typed, setTyped] = useState(inAddress);
  const timer = useRef(0);
  const told = useRef(inAddress);
  useEffect(() => {
    // What this box told the address itself is older than what is typed on meanwhile.
    if (inAddress !== told.current) setTyped(inAddress);
    told.current = inAddress;
  }, [inAddress]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const tell = (value: string) => {
    told.current = value;
    setQuery({ [name]: value, offset: null, page: null });
  };
  return (
    <label class="search">
      <Icon name="search" size={14} />
      <input
        type="search"
        class="input"
        data-search
        aria-label={label}
        placeholder={label}
        value={typed}
        onInput={(event) => {
          const value = event.currentTarget.value;
          setTyped(value);
          clearTimeout(timer.current);
          timer.current = window.setTimeout(() => tell(value), 300);
        }}
      />
    </label>
  );
}

export function ColumnChooser<T>({ view }: { view: View<T> }) {
  return (
    <Menu icon="columns" label={text.table.columns}>
      <fieldset class="checks">
        <legend class="hidden">{text.table.columns}</legend>
        {view.all.map((column) => (
          <label key={column.id}>
            <input type="checkbox" checked={view.shown.has(column.id)} onChange={() => view.toggle(column.id)} />
            {column.header || column.id}
          </label>
        ))}
      </fieldset>
    </Menu>
  );
}

export function CsvButton<T>({ name, columns, rows }: { name: string; columns: Column<T>[]; rows: T[] }) {
  const save = () => {
    const told = columns.filter((column) => column.value);
    const cells = rows.map((row) => told.map((column) => column.value?.(row)));
    download(`${name}.csv`, toCsv(told.map((column) => column.header), cells), "text/csv");
  };
  return <Button icon="download" label={text.table.csv} disabled={rows.length === 0} onClick={save} />;
}

/** Pages of a list that the server cuts; the newest come first. */
export function Skipper({ offset, size, shown, total, loading }: { offset: number; size: number; shown: number; total: number; loading: boolean }) {
  const words = text.requests;
  const go = (to: number) => setQuery({ offset: to > 0 ? String(to) : null });
  if (total === 0) return null;
  return (
    <span class="pager" aria-busy={loading}>
      <span class="tally">{shown ? words.range(count(offset + 1), count(offset + shown), count(total)) : words.range("0", "0", count(total))}</span>
      <Button icon="left" label={words.newer} disabled={offset === 0} onClick={() => go(Math.max(0, offset - size))} />
      <Button icon="right" label={words.older} disabled={offset + shown >= total} onClick={() => go(offset + size)} />
    </span>
  );
}

export function Tools({ children, shown, total, unit }: { children?: ComponentChildren; shown?: number; total?: number; unit?: (n: number) => string }) {
  return (
    <div class="tools">
      {children}
      {total !== undefined && (
        <span class="tally" aria-live="polite">
          {shown !== undefined && shown !== total ? `${count(shown)} / ` : ""}
          {count(total)} {unit?.(total)}
        </span>
      )}
    </div>
  );
}
