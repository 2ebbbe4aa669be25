/** A list of things that administrators edit: searched, with the columns of one's choice, as CSV, opened by a click. */
import type { ComponentChildren } from "preact";
import type { Stored } from "../api/collection";
import { openOver, query } from "../state/router";
import { text } from "../text";
import { Empty } from "./states";
import type { Column } from "./table/column";
import { Table } from "./table/table";
import { ColumnChooser, CsvButton, SearchBox, Tools, useView } from "./table/tools";

interface ListingProps<T> {
  /** Of the CSV file, and of the columns that this browser keeps. */
  name: string;
  words: { title: string; search: string; unit: (n: number) => string };
  columns: Column<T>[];
  rows: T[];
  /** Those of the rows that fit what is searched for. */
  found: T[];
  /** The column by which it is sorted at first, `-` before it: the largest first. Left out: as the server sorts it. */
  sort?: string;
  filters?: ComponentChildren;
  /** Where there is none at all. */
  empty?: ComponentChildren;
}

export function Listing<T extends Stored & { enabled?: boolean | undefined }>({ name, words, columns, rows, found, sort, filters, empty }: ListingProps<T>) {
  const view = useView(name, columns, sort);
  return (
    <>
      <Tools shown={found.length} total={rows.length} unit={words.unit}>
        <SearchBox label={words.search} />
        {filters}
        <ColumnChooser view={view} />
        <CsvButton name={name} columns={columns} rows={found} />
      </Tools>
      <Table
        label={words.title}
        columns={view.columns}
        rows={found}
        rowKey={(row) => row.id}
        sorting={view.sorting}
        onSort={view.onSort}
        onOpen={(row) => openOver({ open: row.id })}
        openKey={query.value.get("open")}
        rowTone={(row) => (row.enabled ? "" : "off")}
        fill
        paged
        empty={(rows.length === 0 && empty) || <Empty title={text.table.noMatch}>{text.table.noMatchNext}</Empty>}
      />
    </>
  );
}
