/** The last lines of an engine's log, followed while it is open. */
import { useEffect, useRef, useState } from "preact/hooks";
import { ask } from "../../api/client";
import { Button } from "../../parts/button";
import { CopyButton } from "../../parts/code";
import { Dialog } from "../../parts/dialog";
import { Switch } from "../../parts/field";
import { Await } from "../../parts/states";
import { useEvery, useResource } from "../../state/resource";
import { text } from "../../text";

const REFRESH = 2000;

export function EngineLog({ name, onClose }: { name: string; onClose: () => void }) {
  const words = text.engines;
  const [follows, setFollows] = useState(true);
  const log = useResource(name, (signal) => ask<{ lines: string[] }>(`/api/admin/engines/${encodeURIComponent(name)}/log?lines=1000`, { signal }));
  const box = useRef<HTMLPreElement>(null);
  useEvery(follows ? REFRESH : 0, log.reload);
  useEffect(() => {
    if (follows && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [log.data, follows]);
  return (
    <Dialog title={words.logOf(name)} width="drawer" named onClose={onClose} footer={<><Switch label={words.follow} checked={follows} onChange={setFollows} /><span class="grow" /><CopyButton label={text.common.copy} content={() => (log.data?.lines ?? []).join("\n")} /><Button icon="refresh" onClick={log.reload}>{text.common.refresh}</Button></>}>
      <Await of={log}>
        {({ lines }) => lines.length === 0 ? <p class="muted">{words.emptyLog}</p> : <pre ref={box} class="log" tabIndex={0} aria-label={words.logOf(name)}>{lines.join("\n")}</pre>}
      </Await>
    </Dialog>
  );
}
