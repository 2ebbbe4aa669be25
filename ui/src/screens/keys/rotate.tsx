/** A new value for a key, with a time in which the old one works too. */
import { useState } from "preact/hooks";
import { ask } from "../../api/client";
import type { ApiKey } from "../../api/types";
import { Button } from "../../parts/button";
import { Dialog } from "../../parts/dialog";
import { SelectField } from "../../parts/field";
import { ErrorPanel } from "../../parts/states";
import { useSaving } from "../../state/saving";
import { text } from "../../text";

export function Rotate({ apiKey, onRotated, onClose }: { apiKey: ApiKey; onRotated: (made: ApiKey) => void; onClose: () => void }) {
  const words = text.keys.rotate;
  const [overlap, setOverlap] = useState("86400");
  const saving = useSaving([]);
  const rotate = () => saving.run(async () => {
    onRotated(await ask<ApiKey>(`/api/admin/apikeys/${encodeURIComponent(apiKey.id)}/rotate`, { method: "POST", body: { overlap_seconds: Number(overlap) } }));
  });
  return (
    <Dialog
      title={words.title(apiKey.name)}
      width="narrow"
      onClose={onClose}
      footer={<><Button onClick={onClose}>{text.common.cancel}</Button><Button kind="primary" busy={saving.busy} onClick={() => void rotate()}>{words.action}</Button></>}
    >
      {saving.error !== undefined && <ErrorPanel error={saving.error} />}
      <p>{words.lead}</p>
      <SelectField label={words.overlap} value={overlap} options={Object.entries(words.choices).map(([value, label]) => ({ value, label }))} onChange={setOverlap} />
    </Dialog>
  );
}
