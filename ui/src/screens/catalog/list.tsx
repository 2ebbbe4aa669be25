/** The table of the catalog with its filters, its comparison and its details. */
import { useMemo } from "preact/hooks";
import type { CatalogModel } from "../../api/catalog";
import { Button } from "../../parts/button";
import { Empty } from "../../parts/states";
import { Table } from "../../parts/table/table";
import { ColumnChooser, CsvButton, SearchBox, Tools, useView } from "../../parts/table/tools";
import { kept } from "../../state/kept";
import { useMatching } from "../../state/matching";
import { closeOver, openOver, query, setQuery } from "../../state/router";
import { complain } from "../../state/toasts";
import { text } from "../../text";
import { columnsOf } from "./columns";
import { Compare } from "./compare";
import { Detail } from "./detail";
import { FacetPanel } from "./facet-panel";
import { clearFilters, filter } from "./facets";

const MOST = 4;
const panelOpen = kept("facets", window.innerWidth > 1100);

export function CatalogList({ models }: { models: CatalogModel[] }) {
  const words = text.catalog;
  const asked = query.value;
  const filtered = useMemo(() => filter(models), [models, asked]);
  const found = useMatching(filtered, (model) => [model.id, model.name, model.provider_slug, model.description, ...model.tags, ...model.hints]);
  const pickedIds = asked.get("compare") ?? "";
  const picked = useMemo(() => new Set(pickedIds.split(",").filter(Boolean)), [pickedIds]);
  const columns = useMemo(() => columnsOf({
    picked,
    pick: (id) => {
      const next = picked.has(id) ? [...picked].filter((one) => one !== id) : [...picked, id];
      if (next.length > MOST) complain(new Error(words.compare.full));
      setQuery({ compare: next.slice(0, MOST).join(",") });
    },
  }), [picked]);
  const view = useView("catalog", columns);
  const open = asked.get("open");
  return (
    <>
      <Tools shown={found.length} total={models.length} unit={words.unit}>
        <Button icon="filter" label={words.showFilters} pressed={panelOpen.value} onClick={() => { panelOpen.value = !panelOpen.value; }} />
        <SearchBox label={words.search} />
        <ColumnChooser view={view} />
        <CsvButton name="catalog" columns={columns} rows={found} />
        {picked.size > 0 && (
          <>
            <Button kind="primary" icon="compare" disabled={picked.size < 2} onClick={() => openOver({ comparing: "1" })}>{words.compare.open(picked.size)}</Button>
            <Button kind="ghost" icon="close" label={words.compare.clear} onClick={() => setQuery({ compare: null })} />
          </>
        )}
      </Tools>
      <div class={panelOpen.value ? "catalog with-facets" : "catalog"}>
        {panelOpen.value && <FacetPanel models={models} />}
        <Table
          label={words.title}
          columns={view.columns}
          rows={found}
          rowKey={(row) => row.id}
          sorting={view.sorting}
          onSort={view.onSort}
          onOpen={(row) => openOver({ open: row.id })}
          openKey={open}
          fill
          paged
          empty={models.length ? <Empty title={text.table.noMatch} action={<Button onClick={clearFilters}>{text.table.clearFilters}</Button>}>{text.table.noMatchNext}</Empty> : <Empty icon="catalog" title={words.emptyTitle}>{words.emptyLead}</Empty>}
        />
      </div>
      {open && <Detail key={open} id={open} onClose={() => closeOver("open")} />}
      {asked.get("comparing") && picked.size > 1 && <Compare models={models.filter((model) => picked.has(model.id))} onClose={() => closeOver("comparing")} />}
    </>
  );
}
