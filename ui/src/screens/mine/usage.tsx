/** A user's own usage. */
import { readUsage } from "../../api/usage";
import { Page } from "../../parts/page";
import { Await } from "../../parts/states";
import { Segments } from "../../parts/tabs";
import { useEvery, useResource } from "../../state/resource";
import { query, setQuery } from "../../state/router";
import { text } from "../../text";
import { period, RANGES } from "../overview/ranges";
import { Report } from "../overview/report";

const REFRESH = 30_000;

export default function MyUsage() {
  const range = query.value.get("range") ?? "7d";
  const group = query.value.get("by") ?? "model";
  const usage = useResource(JSON.stringify([range, group]), (signal) => readUsage("/api/user", { ...period(range), group }, signal));
  useEvery(REFRESH, usage.reload);
  return (
    <Page title={text.mine.title} actions={<Segments label={text.overview.range} value={range} options={Object.keys(RANGES).map((value) => ({ value, label: value, title: text.overview.ranges[value] ?? value }))} onChange={(value) => setQuery({ range: value })} />}>
      <Await of={usage} rows={8}>{(found) => <Report usage={found} range={range} group={group} root="/api/user" />}</Await>
    </Page>
  );
}
