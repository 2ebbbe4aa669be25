/** Where no model of a kind can be asked: what to configure, or whom to ask. */
import { LinkButton } from "../../parts/button";
import type { IconName } from "../../parts/icon";
import { Panel } from "../../parts/page";
import { Empty } from "../../parts/states";
import { session } from "../../state/session";
import { text } from "../../text";

export function NoModels({ type, icon }: { type: string; icon: IconName }) {
  const words = text.playground.noModels;
  const admin = session.value?.role === "admin";
  const kind = text.playground.model.types[type] ?? type;
  return (
    <Panel>
      <Empty
        icon={icon}
        title={words.title(kind)}
        action={admin && (
          <div class="row">
            <LinkButton to="/models?open=new" kind="primary" icon="plus">{words.add}</LinkButton>
            <LinkButton to={`/catalog?type=${type}`} icon="catalog">{words.catalog}</LinkButton>
          </div>
        )}
      >
        {admin ? `${words.lead[type] ?? ""} ${words.how(kind)}` : words.askFor}
      </Empty>
    </Panel>
  );
}
