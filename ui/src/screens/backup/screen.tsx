/** Backup and restore. */
import { useState } from "preact/hooks";
import { ask } from "../../api/client";
import { Button } from "../../parts/button";
import { Confirm } from "../../parts/dialog";
import { Switch } from "../../parts/field";
import { Page, Panel } from "../../parts/page";
import { findSession } from "../../state/session";
import { complain, say } from "../../state/toasts";
import { text } from "../../text";
import { FileDrop } from "../playground/file-drop";

export default function Backup() {
  const words = text.backup;
  const [usage, setUsage] = useState(true);
  const [file, setFile] = useState<File | null>(null);
  const [asks, setAsks] = useState(false);
  const [busy, setBusy] = useState(false);
  const restore = async () => {
    setBusy(true);
    try {
      const done = await ask<{ rows: Record<string, number> }>("/api/admin/backup/restore", { method: "POST", body: file });
      say(words.done(Object.values(done.rows).reduce((sum, n) => sum + n, 0)));
      setFile(null);
      await findSession();
    } catch (error) {
      complain(error);
    }
    setBusy(false);
    setAsks(false);
  };
  return (
    <Page title={words.title} lead={words.lead}>
      <div class="grid-2">
        <Panel title={words.make}>
          <div class="form">
            <Switch label={words.withUsage} checked={usage} onChange={setUsage} />
            <div><Button kind="primary" icon="download" onClick={() => window.location.assign(`/api/admin/backup?usage=${usage}`)}>{words.download}</Button></div>
          </div>
        </Panel>
        <Panel title={words.restore}>
          <div class="form">
            <p class="muted">{words.restoreLead}</p>
            <FileDrop icon="backup" accept="*" title={words.choose} note={words.drop} file={file} onFile={setFile} />
            <div><Button icon="upload" disabled={!file} onClick={() => setAsks(true)}>{words.action}</Button></div>
          </div>
        </Panel>
      </div>
      {asks && file && <Confirm title={words.confirmTitle} action={words.action} busy={busy} onConfirm={() => void restore()} onClose={() => setAsks(false)}><p>{words.confirm(file.name)}</p></Confirm>}
    </Page>
  );
}
