/** Providers: the upstreams, their keys and whether they work. */
import { useMemo, useState } from "preact/hooks";
import { providers } from "../../api/collection";
import { testProvider } from "../../api/providers";
import type { Provider } from "../../api/types";
import { Button } from "../../parts/button";
import { Listing } from "../../parts/listing";
import { Opened } from "../../parts/opened";
import { Page } from "../../parts/page";
import { Await, Empty } from "../../parts/states";
import { useMatching } from "../../state/matching";
import { useResource } from "../../state/resource";
import { closeOver, openOver } from "../../state/router";
import { useSwitch } from "../../state/switching";
import { complain } from "../../state/toasts";
import { text } from "../../text";
import { columnsOf, type Tested } from "./columns";
import { toInput } from "./draft";
import { ProviderForm } from "./form";

export default function Providers() {
  const words = text.providers;
  const list = useResource("providers", providers.all);
  return (
    <Page title={words.title} lead={words.lead} fill actions={<Button kind="primary" icon="plus" onClick={() => openOver({ open: "new" })}>{words.add}</Button>}>
      <Await of={list}>
        {(rows) => (
          <>
            <List rows={rows} reload={list.reload} />
            <Opened rows={rows}>{(row) => <ProviderForm provider={row} onClose={() => closeOver("open", "tab")} onChange={list.reload} />}</Opened>
          </>
        )}
      </Await>
    </Page>
  );
}

function List({ rows, reload }: { rows: Provider[]; reload: () => void }) {
  const words = text.providers;
  const [tested, setTested] = useState<Record<string, Tested>>({});
  const found = useMatching(rows, (row) => [row.id, row.name, row.base_url, row.type]);

  const test = async (row: Provider) => {
    setTested((old) => ({ ...old, [row.id]: "asking" }));
    try {
      const result = await testProvider(row.id);
      setTested((old) => ({ ...old, [row.id]: result }));
    } catch (error) {
      complain(error);
      setTested(({ [row.id]: _, ...rest }) => rest);
    }
  };
  const toggle = useSwitch(providers, toInput, (row) => row.name, reload);
  const columns = useMemo(() => columnsOf({ tested, test: (row) => void test(row), toggle }), [tested]);
  return (
    <Listing
      name="providers"
      words={words}
      columns={columns}
      rows={rows}
      found={found}
      empty={<Empty icon="providers" title={words.emptyTitle} action={<Button kind="primary" icon="plus" onClick={() => openOver({ open: "new" })}>{words.add}</Button>}>{words.emptyLead}</Empty>}
    />
  );
}
