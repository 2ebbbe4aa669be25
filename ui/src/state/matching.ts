/** The rows that fit the text searched for in the address. */
import { useMemo } from "preact/hooks";
import { query } from "./router";

export function useMatching<T>(rows: T[], words: (row: T) => (string | null | undefined)[], name = "q"): T[] {
  const typed = (query.value.get(name) ?? "").toLowerCase();
  return useMemo(() => {
    const wanted = typed.split(/\s+/).filter(Boolean);
    if (wanted.length === 0) return rows;
    return rows.filter((row) => {
      const all = words(row).filter(Boolean).join(" ").toLowerCase();
      return wanted.every((word) => all.includes(word));
    });
  }, [rows, typed]);
}
