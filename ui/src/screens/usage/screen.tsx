/** Usage: the report of a period, own GPUs against what was paid, and other policies without sending anything. */
import { Page } from "../../parts/page";
import { Segments, Tabs } from "../../parts/tabs";
import { setQuery, tabOf } from "../../state/router";
import { text } from "../../text";
import { askedRange, RANGES } from "../overview/ranges";
import { BreakEvenView } from "./break-even";
import { UsageReport } from "./report";
import { WhatIfView } from "./what-if";

const TABS = ["report", "break-even", "what-if"] as const;

export default function UsageScreen() {
  const words = text.usage;
  const tab = tabOf(TABS);
  const range = askedRange("7d");
  return (
    <Page
      title={words.title}
      lead={words.lead}
      actions={<Segments label={words.range} value={range} options={Object.keys(RANGES).map((value) => ({ value, label: value, title: text.overview.ranges[value] ?? value }))} onChange={(value) => setQuery({ range: value })} />}
    >
      <Tabs label={words.title} items={TABS.map((name) => ({ to: `/usage${name === "report" ? "" : `/${name}`}?range=${range}`, label: words.tabs[name], current: name === tab }))} />
      {tab === "break-even" ? <BreakEvenView range={range} /> : tab === "what-if" ? <WhatIfView range={range} /> : <UsageReport range={range} />}
    </Page>
  );
}
