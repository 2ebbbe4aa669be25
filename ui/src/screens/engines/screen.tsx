/** Local engines: what each does now, with its log, and loading, unloading, restarting. */
import { useState } from "preact/hooks";
import { ask } from "../../api/client";
import type { Engine } from "../../api/types";
import { Page } from "../../parts/page";
import { Panel } from "../../parts/page";
import { Await, Empty } from "../../parts/states";
import { status, useLive } from "../../state/live";
import { useEvery, useResource } from "../../state/resource";
import { closeOver, openOver, query } from "../../state/router";
import { text } from "../../text";
import { EngineCard, speedOf } from "./card";
import { EngineLog } from "./log";

const REFRESH = 15_000;
const EACH = 2000;
const KEPT = 60;

/** The last two minutes of each engine's speed, since the page was opened. */
function useSpeeds(): Record<string, (number | null)[]> {
  const [kept, setKept] = useState<Record<string, (number | null)[]>>({});
  useEvery(EACH, () => {
    const engines = status.value.engines ?? [];
    setKept((old) => Object.fromEntries(engines.map((engine) => [engine.name, [...(old[engine.name] ?? []), speedOf(engine)].slice(-KEPT)])));
  });
  return kept;
}

export default function Engines() {
  const words = text.engines;
  const list = useResource("engines", (signal) => ask<{ data: Engine[] }>("/api/admin/engines", { signal }));
  const [busy, setBusy] = useState(false);
  const open = query.value.get("log");
  const speeds = useSpeeds();
  useLive("status", (told) => told.engines && !busy && list.set({ data: told.engines }));
  useEvery(REFRESH, list.reload);
  return (
    <Page title={words.title} lead={words.lead}>
      <Await of={list}>
        {({ data }) => data.length === 0 ? <Panel><Empty icon="engines" title={words.emptyTitle}>{words.emptyLead}</Empty></Panel> : (
          <div class="engines">
            {data.map((engine) => <EngineCard key={engine.name} engine={engine} speeds={speeds[engine.name] ?? []} onBusy={setBusy} onChange={list.reload} onLog={() => openOver({ log: engine.name })} />)}
          </div>
        )}
      </Await>
      {open && <EngineLog key={open} name={open} onClose={() => closeOver("log")} />}
    </Page>
  );
}
