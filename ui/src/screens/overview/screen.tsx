/** Overview: how the gateway is now, and what it did in a period. */
import { useState } from "preact/hooks";
import { readUsage } from "../../api/usage";
import { LinkButton } from "../../parts/button";
import { Page } from "../../parts/page";
import { Await } from "../../parts/states";
import { Segments } from "../../parts/tabs";
import { connection, useLive } from "../../state/live";
import { useEvery, useResource } from "../../state/resource";
import { href, query, setQuery } from "../../state/router";
import { text } from "../../text";
import { useOverview } from "./now";
import { Quota } from "./quota";
import { askedRange, period, RANGES } from "./ranges";
import { Report } from "./report";
import { StatusLine } from "./status-line";

const REFRESH = 15_000;
const SOON = 1500;

export default function Overview() {
  const words = text.overview;
  const range = askedRange("24h");
  const group = query.value.get("by") ?? "model";
  const usage = useResource(JSON.stringify([range, group]), (signal) => readUsage("/api/admin", { ...period(range), group }, signal));
  const now = useOverview();
  const [fresh, setFresh] = useState(false);
  useLive("requests", ({ ended }) => {
    // Many requests in one moment are one reason to look again.
    if (fresh || ended.length === 0) return;
    setFresh(true);
    setTimeout(() => {
      setFresh(false);
      usage.reload();
    }, SOON);
  });
  useEvery(REFRESH, usage.reload);
  return (
    <Page
      title={words.title}
      actions={
        <>
          {connection.value === "on" && <span class="live"><i aria-hidden="true" />{words.live}</span>}
          <LinkButton kind="ghost" icon="chart" to={`/usage?range=${range}&by=${group}`}>{text.usage.open}</LinkButton>
          <Segments label={words.range} value={range} options={Object.keys(RANGES).map((value) => ({ value, label: value, title: words.ranges[value] ?? value }))} onChange={(value) => setQuery({ range: value })} />
        </>
      }
    >
      <Await of={now} rows={1}>
        {(found) => (
          <>
            <StatusLine now={found} />
            {found.chutes && <Quota chutes={found.chutes} actions={<a href={href("/settings/quota")}>{text.quota.more}</a>} />}
          </>
        )}
      </Await>
      <Await of={usage} rows={8}>{(found) => <Report usage={found} range={range} group={group} root="/api/admin" />}</Await>
    </Page>
  );
}
