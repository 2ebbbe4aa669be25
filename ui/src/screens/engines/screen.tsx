/** Local engines: what each does now, with its log, and loading, unloading, restarting. */
import { useState } from "preact/hooks";
import { ask } from "../../api/client";
import type { Engine } from "../../api/types";
import { Page } from "../../parts/page";
import { Panel } from "../../parts/page";
import { Await, Empty } from "../../parts/states";
import { useLive } from "../../state/live";
import { useEvery, useResource } from "../../state/resource";
import { query, setQuery } from "../../state/router";
import { text } from "../../text";
import { EngineCard } from "./card";
import { EngineLog } from "./log";

const REFRESH = 5000;

export default function Engines() {
  const words = text.engines;
  const list = useResource("engines", (signal) => ask<{ data: Engine[] }>("/api/admin/engines", { signal }));
  const [busy, setBusy] = useState(false);
  const open = query.value.get("log");
  useLive("status", () => !busy && list.reload());
  useEvery(REFRESH, list.reload);
  return (
    <Page title={words.title} lead={words.lead}>
      <Await of={list}>
        {({ data }) => data.length === 0 ? <Panel><Empty icon="engines" title={words.emptyTitle}>{words.emptyLead}</Empty></Panel> : (
          <div class="engines">
            {data.map((engine) => <EngineCard key={engine.name} engine={engine} onBusy={setBusy} onChange={list.reload} onLog={() => setQuery({ log: engine.name })} />)}
          </div>
        )}
      </Await>
      {open && <EngineLog key={open} name={open} onClose={() => setQuery({ log: null })} />}
    </Page>
  );
}
