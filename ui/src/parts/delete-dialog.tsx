/** Asks before something is deleted, and says what goes with it. */
import { useState } from "preact/hooks";
import type { Collection, Stored } from "../api/collection";
import { useResource } from "../state/resource";
import { complain, say } from "../state/toasts";
import { text } from "../text";
import { Confirm } from "./dialog";
import { Icon } from "./icon";
import { Await } from "./states";

interface DeleteDialogProps<View extends Stored, Input> {
  from: Collection<View, Input>;
  id: string;
  name: string;
  onDone: () => void;
  onClose: () => void;
}

export function DeleteDialog<View extends Stored, Input>({ from, id, name, onDone, onClose }: DeleteDialogProps<View, Input>) {
  const words = text.remove;
  const [busy, setBusy] = useState(false);
  const preview = useResource(`${from.name}/${id}`, () => from.previewRemoval(id));
  const remove = async () => {
    setBusy(true);
    try {
      const done = await from.remove(id, (preview.data?.dependents ?? []).length > 0);
      say(done.restored ? words.restored(name) : words.done(name));
      onDone();
    } catch (error) {
      complain(error);
    }
    setBusy(false);
  };
  return (
    <Confirm title={words.title(name)} action={words.action} busy={busy || preview.data === undefined} onConfirm={() => void remove()} onClose={onClose}>
      <Await of={preview} rows={2}>
        {(found) => (
          <>
            <p>{words.final}</p>
            {(found.dependents ?? []).length > 0 && (
              <div class="hint warn">
                <Icon name="warn" />
                <div>
                  <strong>{words.goesWithIt}</strong>
                  <ul class="dependents">
                    {(found.dependents ?? []).map((one) => <li key={`${one.resource}/${one.id}`}><b>{one.id}</b> {one.what}</li>)}
                  </ul>
                </div>
              </div>
            )}
          </>
        )}
      </Await>
    </Confirm>
  );
}
