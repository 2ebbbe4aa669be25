/** The catalog: models, how they were merged, what changed. */
import { useState } from "preact/hooks";
import { readCatalog, refreshCatalog } from "../../api/catalog";
import { params } from "../../api/client";
import { relative } from "../../format/times";
import { Button } from "../../parts/button";
import { Menu, MenuItem } from "../../parts/menu";
import { Page } from "../../parts/page";
import { Await } from "../../parts/states";
import { Tabs } from "../../parts/tabs";
import { useResource } from "../../state/resource";
import { tabOf } from "../../state/router";
import { session } from "../../state/session";
import { complain, say } from "../../state/toasts";
import { text } from "../../text";
import { DiffView } from "./diff";
import { CatalogList } from "./list";
import { ReportView } from "./report";

const TABS = ["models", "report", "diff"] as const;

export default function Catalog() {
  const words = text.catalog;
  const catalog = useResource("catalog", readCatalog);
  const [busy, setBusy] = useState(false);
  const tab = tabOf(TABS);
  const refresh = async () => {
    setBusy(true);
    await refreshCatalog().then(() => say(words.refreshed), complain);
    setBusy(false);
    catalog.reload();
  };
  const save = (format: string) => window.location.assign(`/catalog/export${params({ format })}`);
  return (
    <Page
      title={words.title}
      lead={<>{words.lead} {catalog.data?.catalog_at && words.at(relative(catalog.data.catalog_at))}</>}
      fill={tab === "models"}
      actions={
        <>
          {session.value?.role === "admin" && <Button icon="refresh" busy={busy} onClick={() => void refresh()}>{words.refresh}</Button>}
          <Menu icon="download" label={words.export.title} wide>
            <MenuItem onClick={() => save("csv")}>{words.export.csv}</MenuItem>
            <MenuItem onClick={() => save("md")}>{words.export.md}</MenuItem>
            <MenuItem onClick={() => save("json")}>{words.export.json}</MenuItem>
          </Menu>
        </>
      }
    >
      <Tabs label={words.title} items={TABS.map((name) => ({ to: name === "models" ? "/catalog" : `/catalog/${name}`, label: words.tabs[name], current: name === tab }))} />
      {tab === "models" && <Await of={catalog} rows={10}>{(page) => <CatalogList models={page.data} />}</Await>}
      {tab === "report" && <ReportView />}
      {tab === "diff" && <DiffView />}
    </Page>
  );
}
