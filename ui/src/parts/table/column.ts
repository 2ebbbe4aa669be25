/** What a table knows of a column. */
import type { ComponentChildren } from "preact";
import type { Cell } from "../../format/csv";

export interface Column<T> {
  id: string;
  header: string;
  cell: (row: T) => ComponentChildren;
  /** What it is sorted by and what stands in the CSV file. */
  value?: (row: T) => Cell;
  numeric?: boolean;
  /** CSS width; the rest is shared. */
  width?: string;
  /** Takes what the others leave, cut where that is too little. One of a table. */
  rest?: boolean;
  /** Not shown until chosen. */
  extra?: boolean;
  help?: string;
}

export interface Sorting {
  id: string;
  down: boolean;
}

export function parseSorting(text: string | null): Sorting | null {
  if (!text) return null;
  return text.startsWith("-") ? { id: text.slice(1), down: true } : { id: text, down: false };
}

/** Unknown values come last either way. */
export function sortRows<T>(rows: T[], columns: Column<T>[], sorting: Sorting | null): T[] {
  const value = columns.find((column) => column.id === sorting?.id)?.value;
  if (!sorting || !value) return rows;
  const sign = sorting.down ? -1 : 1;
  return rows
    .map((row, n) => ({ row, n, key: value(row) }))
    .sort((a, b) => compare(a.key, b.key, sign) || a.n - b.n)
    .map((one) => one.row);
}

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function compare(a: Cell, b: Cell, sign: number): number {
  const unknownA = a == null || a === "";
  const unknownB = b == null || b === "";
  if (unknownA || unknownB) return Number(unknownA) - Number(unknownB);
  if (typeof a === "number" && typeof b === "number") return (a - b) * sign;
  return collator.compare(String(a), String(b)) * sign;
}
