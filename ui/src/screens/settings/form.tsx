/** One setting in a drawer: its value, what a change would do, earlier values. */
import { useState } from "preact/hooks";
import { settings } from "../../api/collection";
import type { Preview, Setting } from "../../api/types";
import { readAudit } from "../../api/usage";
import { Button } from "../../parts/button";
import { Clashes } from "../../parts/clashes";
import { Changes, Value } from "../../parts/changes";
import { Dialog } from "../../parts/dialog";
import { Spans } from "../../parts/markdown/markdown";
import { Await, ErrorPanel } from "../../parts/states";
import { Time } from "../../parts/time";
import { useResource } from "../../state/resource";
import { useMerging } from "../../state/merging";
import { differs, useSaving } from "../../state/saving";
import { say } from "../../state/toasts";
import { text } from "../../text";
import { Spent } from "../keys/spent";
import { Editor, type Schema, typedOf, type Typed, valueOf } from "./editor";

/** Its budget is everybody's. */
const LIMITS = "limits";

export function SettingForm({ setting: known, onClose, onChange }: { setting: Setting; onClose: () => void; onChange: () => void }) {
  const words = text.settings;
  const schema = (known.json_schema ?? {}) as Schema;
  const [typed, setTyped] = useState<Typed>(() => typedOf(known.value, schema));
  const [preview, setPreview] = useState<Preview | null>(null);
  const take = ({ value }: { value: unknown }) => {
    setTyped(typedOf(value, schema));
    setPreview(null);
  };
  const merging = useMerging(settings, known, ({ value }) => ({ value }), take);
  const setting = merging.base ?? known;
  const saving = useSaving(["value", setting.id]);
  const unsaved = differs(typed, typedOf(setting.value, schema));
  const parsed = parse(typed, schema);
  const check = () => saving.run(async () => setPreview(await settings.preview(setting, { value: parsed.value })));
  const write = (value: unknown) => saving.run(async () => {
    if (!(await merging.save({ value }))) return;
    say(text.forms.saved(setting.id));
    onChange();
    onClose();
  });
  const rollBack = () => saving.run(async () => {
    await settings.remove(setting.id, false);
    say(words.rolledBack(setting.id));
    onChange();
    onClose();
  });
  const error = parsed.broken ? words.brokenJson : (saving.of("value") ?? saving.of(setting.id));
  return (
    <Dialog
      title={words.edit(setting.id)}
      width="drawer"
      named
      unsaved={unsaved}
      onClose={onClose}
      footer={setting.changeable && (
        <>
          {(setting.version ?? 0) > 0 && <Button icon="refresh" onClick={() => void rollBack()}>{words.rollBack}</Button>}
          <span class="grow" />
          <Button disabled={parsed.broken} onClick={() => void check()}>{words.check}</Button>
          <Button type="submit" form="setting" kind="primary" busy={saving.busy} disabled={parsed.broken}>{words.save}</Button>
        </>
      )}
    >
      <form id="setting" class="form" onSubmit={(event) => { event.preventDefault(); if (!parsed.broken) void write(parsed.value); }}>
        <p><Spans source={setting.description ?? ""} /></p>
        <dl class="facts">
          <dt>{words.columns.value}</dt><dd><Value value={setting.value} /></dd>
          <dt>{words.columns.origin}</dt><dd>{setting.origin}</dd>
          <dt>{words.columns.default}</dt><dd><Value value={setting.default} /></dd>
        </dl>
        {setting.id === LIMITS && <Spent resource="settings" of={{ ...(setting.value as object), ...setting }} name={words.everybody} onReset={() => { onChange(); onClose(); }} />}
        {saving.error !== undefined && <ErrorPanel error={saving.error} />}
        <Clashes clashes={merging.clashes} fields={{ value: parsed.value }} onTake={take} />
        {setting.changeable ? <Editor schema={schema} typed={typed} error={error} help="" onChange={(next) => { setTyped(next); setPreview(null); }} /> : <p class="hint">{words.fixed}</p>}
        {preview && <section><h3>{words.change}</h3>{Object.keys(preview.changes).length ? <Changes changes={preview.changes} /> : <p class="muted">{words.nothing}</p>}</section>}
        <History id={setting.id} changeable={setting.changeable} onRestore={(value) => void write(value)} />
      </form>
    </Dialog>
  );
}

function parse(typed: Typed, schema: Schema): { value: unknown; broken: boolean } {
  try {
    return { value: valueOf(typed, schema), broken: false };
  } catch {
    return { value: null, broken: true };
  }
}

function History({ id, changeable, onRestore }: { id: string; changeable: boolean; onRestore: (value: unknown) => void }) {
  const words = text.settings;
  const audit = useResource(id, (signal) => readAudit({ resource: "settings", resource_id: id, limit: 20 }, signal));
  return (
    <section class="stack tight">
      <h3>{words.history}</h3>
      <Await of={audit} rows={2}>
        {({ data }) => data.length === 0 ? <p class="muted">{words.none}</p> : (
          <ul class="history">
            {data.map((row) => {
              const pair = row.changes.value;
              const [before, after] = Array.isArray(pair) ? (pair as unknown[]) : [null, null];
              return (
                <li key={row.at} class="row spread">
                  <span><Time at={row.at} /> · {row.actor}: <Value value={before} /> → <Value value={after} /></span>
                  {changeable && before != null && <Button size="small" onClick={() => onRestore(before)}>{words.restore}</Button>}
                </li>
              );
            })}
          </ul>
        )}
      </Await>
    </section>
  );
}
