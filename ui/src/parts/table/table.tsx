/** The table of every list: sorted by a click, walked with j and k, only the rows in sight drawn. */
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { rowHeight } from "../../state/theme";
import { text } from "../../text";
import { Icon } from "../icon";
import { type Column, type Sorting, sortRows } from "./column";
import { useRowKeys } from "./keys";
import { Pager, usePages } from "./pages";
import { useSlots } from "./slots";
import { useWidths } from "./widths";
import { useWindow } from "./window";

export interface TableProps<T> {
  label: string;
  columns: Column<T>[];
  rows: T[];
  rowKey: (row: T) => string;
  sorting: Sorting | null;
  onSort: (sorting: Sorting | null) => void;
  onOpen?: (row: T) => void;
  /** Of the row that stands open. */
  openKey?: string | null;
  rowTone?: (row: T) => string;
  /** Takes the height that is left on the page. */
  fill?: boolean;
  /** All rows are here: they are shown in pages, as this browser wants it. */
  paged?: boolean;
  empty?: ComponentChildren;
}

export function Table<T>(props: TableProps<T>) {
  const { columns, rows, rowKey, sorting, onOpen } = props;
  const box = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(-1);
  const all = useMemo(() => sortRows(rows, columns, sorting), [rows, columns, sorting]);
  const pages = usePages(all, props.paged === true);
  const sorted = pages.rows;
  const slice = useWindow(box, sorted.length);
  useLayoutEffect(() => {
    if (box.current) box.current.scrollTop = 0;
    setActive(-1);
  }, [pages.page, pages.size, sorting?.id, sorting?.down]);
  const drawn = sorted.slice(slice.from, slice.to);
  const slots = useSlots(drawn.map(rowKey));
  const widths = useWidths(box, slice.partly, columns.map((column) => column.id).join(" "));
  useRowKeys({ box, count: sorted.length, active, setActive, open: (n) => sorted[n] && onOpen?.(sorted[n]) });

  useFocusKept(rows.length === 0);

  if (rows.length === 0 && props.empty) return <>{props.empty}</>;
  const above = slice.from * rowHeight.value;
  const below = (sorted.length - slice.to) * rowHeight.value;
  const table = (
    <div ref={box} class={props.fill ? "table-box fill" : "table-box"} tabIndex={0} role="region" aria-label={props.label}>
      <table class={widths ? "table laid" : "table"} style={widths ? { width: `${widths.reduce((sum, one) => sum + one, 0)}px` } : {}} aria-rowcount={sorted.length + 1}>
        <colgroup>
          {columns.map((column, n) => (
            <col key={column.id} style={widths ? { width: `${widths[n]}px` } : column.width ? { width: column.width } : {}} />
          ))}
        </colgroup>
        <Head columns={columns} sorting={sorting} onSort={props.onSort} />
        <tbody>
          {above > 0 && <Gap height={above} columns={columns.length} />}
          {drawn.map((row, offset) => {
            const n = slice.from + offset;
            const key = rowKey(row);
            const classes = [onOpen ? "opens" : "", n === active ? "active" : "", key === props.openKey ? "open" : "", props.rowTone?.(row) ?? ""];
            return (
              <tr key={slots[offset]} class={classes.join(" ").trim()} aria-rowindex={n + 2} onClick={onOpen ? (event) => opens(event) && onOpen(row) : undefined}>
                <Cells row={row} columns={columns} />
              </tr>
            );
          })}
          {below > 0 && <Gap height={below} columns={columns.length} />}
        </tbody>
      </table>
    </div>
  );
  return pages.shown ? <div class={props.fill ? "paged fill" : "paged"}>{table}<Pager pages={pages} /></div> : table;
}

/** Whoever was at a table that has its last row taken away goes on from the page, not from nowhere. */
function useFocusKept(empty: boolean): void {
  const before = useRef(empty);
  useLayoutEffect(() => {
    const emptied = empty && !before.current;
    before.current = empty;
    if (emptied && document.activeElement === document.body) document.getElementById("main")?.focus({ preventScroll: true });
  }, [empty]);
}

function classOf<T>(column: Column<T>): string | undefined {
  return column.numeric ? "numeric" : column.rest ? "takes-rest" : undefined;
}

/** The same elements as long as row and columns are the same, so that scrolling draws only the rows that are new. */
function Cells<T>({ row, columns }: { row: T; columns: Column<T>[] }) {
  return useMemo(() => (
    <>
      {columns.map((column) => (
        <td key={column.id} class={classOf(column)}>
          {column.rest ? <div class="rest">{column.cell(row)}</div> : column.cell(row)}
        </td>
      ))}
    </>
  ), [row, columns]);
}

/** Stands for the rows that are out of sight. A row without a cell would have no height. */
function Gap({ height, columns }: { height: number; columns: number }) {
  return (
    <tr class="gap" aria-hidden="true">
      <td colSpan={columns} style={{ height: `${height}px` }} />
    </tr>
  );
}

/** A click on a control inside of a row is the control's own. */
function opens(event: MouseEvent): boolean {
  if (window.getSelection()?.toString()) return false;
  return !(event.target as Element).closest("button, input, label, select");
}

function Head<T>({ columns, sorting, onSort }: Pick<TableProps<T>, "columns" | "sorting" | "onSort">) {
  return (
    <thead>
      <tr aria-rowindex={1}>
        {columns.map((column) => {
          const down = sorting?.id === column.id ? sorting.down : null;
          return (
            <th
              key={column.id}
              scope="col"
              class={classOf(column)}
              title={column.help}
              aria-sort={down === null ? undefined : down ? "descending" : "ascending"}
            >
              {column.value ? (
                <button type="button" onClick={() => onSort(next(column, sorting))}>
                  {column.header}
                  {down !== null && <Icon name={down ? "down" : "up"} size={12} />}
                </button>
              ) : (
                column.header || <span class="hidden">{text.table.actions}</span>
              )}
            </th>
          );
        })}
      </tr>
    </thead>
  );
}

/** Figures start with the largest, text with A; a third click takes the sorting away. */
function next<T>(column: Column<T>, sorting: Sorting | null): Sorting | null {
  const first = column.numeric === true;
  if (sorting?.id !== column.id) return { id: column.id, down: first };
  return sorting.down === first ? { id: column.id, down: !first } : null;
}
