/** The pages of a long table, for those who do not like to scroll: the size is kept in this browser, the page is in the
 * address. */
import { useMemo } from "preact/hooks";
import { count } from "../../format/numbers";
import { query, setQuery } from "../../state/router";
import { PAGE_SIZES, pageSize } from "../../state/theme";
import { text } from "../../text";
import { Button } from "../button";
import { Select } from "../field";

export interface Pages<T> {
  rows: T[];
  total: number;
  page: number;
  /** Rows of a page; 0 for all. */
  size: number;
  last: number;
  /** Whether there is anything to choose. */
  shown: boolean;
}

const FEWEST = PAGE_SIZES[0];

export function usePages<T>(all: T[], paged: boolean): Pages<T> {
  const size = paged ? pageSize.value : 0;
  const last = size ? Math.max(0, Math.ceil(all.length / size) - 1) : 0;
  const asked = Number(query.value.get("page") ?? 1) - 1;
  const page = Math.max(0, Math.min(last, Number.isFinite(asked) ? Math.floor(asked) : 0));
  const rows = useMemo(() => (size ? all.slice(page * size, (page + 1) * size) : all), [all, size, page]);
  return { rows, total: all.length, page, size, last, shown: paged && all.length > FEWEST };
}

export function Pager<T>({ pages }: { pages: Pages<T> }) {
  const words = text.table;
  const { page, last, rows, total } = pages;
  const from = page * pageSize.value + 1;
  const go = (to: number) => setQuery({ page: to ? String(to + 1) : null });
  return (
    <div class="pager">
      <Select aria-label={words.pageSize} value={String(pageSize.value)} options={PAGE_SIZES.map((size) => ({ value: String(size), label: size ? words.rowsOf(size) : words.allRows }))} onChange={(value) => { pageSize.value = Number(value); go(0); }} />
      {last > 0 && (
        <>
          <Button kind="ghost" icon="left" label={words.previous} disabled={page === 0} onClick={() => go(page - 1)} />
          <span class="numeric" aria-live="polite">{words.shownRows(count(from), count(from + rows.length - 1), count(total))}</span>
          <Button kind="ghost" icon="right" label={words.next} disabled={page === last} onClick={() => go(page + 1)} />
        </>
      )}
    </div>
  );
}
