/** Batches of everybody, and their files. */
import { Page } from "../../parts/page";
import { Tabs } from "../../parts/tabs";
import { tabOf } from "../../state/router";
import { text } from "../../text";
import { Files } from "./files";
import { List } from "./list";

const TABS = ["list", "files"] as const;

export default function Batches() {
  const words = text.batches;
  const tab = tabOf(TABS);
  return (
    <Page title={words.title} lead={words.leads[tab]} fill>
      <Tabs label={words.title} items={TABS.map((name) => ({ to: name === "list" ? "/batches" : `/batches/${name}`, label: words.tabs[name], current: name === tab }))} />
      {tab === "files" ? <Files /> : <List />}
    </Page>
  );
}
