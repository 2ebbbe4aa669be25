/** What each source said of a model, as it came. Read when somebody looks. */
import { useState } from "preact/hooks";
import { readRaw } from "../../api/catalog";
import { Code } from "../../parts/code";
import { Await } from "../../parts/states";
import { Segments } from "../../parts/tabs";
import { Time } from "../../parts/time";
import { useResource } from "../../state/resource";
import { text } from "../../text";

export function RawRecords({ id }: { id: string }) {
  const words = text.catalog.detail;
  const [open, setOpen] = useState(false);
  const [chosen, setChosen] = useState("");
  const found = useResource(open ? id : null, (signal) => readRaw(id, signal));
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{words.bySource}</summary>
      {open && (
        <Await of={found} rows={3}>
          {({ sources }) => {
            const shown = sources.find((one) => one.source === chosen) ?? sources[0];
            if (!shown) return <p class="muted">{words.noSource}</p>;
            return (
              <div class="stack tight">
                <div class="row spread">
                  <Segments label={words.bySource} value={shown.source} options={sources.map((one) => ({ value: one.source, label: one.source }))} onChange={setChosen} />
                  <span class="muted"><Time at={shown.at / 1000} /></span>
                </div>
                <Code label={shown.source}>{shown.records.map((record) => JSON.stringify(record, null, 2)).join("\n\n")}</Code>
              </div>
            );
          }}
        </Await>
      )}
    </details>
  );
}
