/** The frame of the tabs that ask once: model and fields on one side, the answer or its state on the other. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Sample } from "../../format/snippets";
import { Button } from "../../parts/button";
import { Dialog } from "../../parts/dialog";
import type { IconName } from "../../parts/icon";
import { Panel } from "../../parts/page";
import { Snippets } from "../../parts/snippets";
import { Empty, ErrorPanel, Loading } from "../../parts/states";
import { text } from "../../text";
import type { Answered, Asking } from "./asking";
import { ChosenModel } from "./chosen-model";
import { useModels } from "./models";
import { NoModels } from "./no-models";

interface WorkbenchProps<T> {
  type: string;
  icon: IconName;
  model: string;
  onModel: (id: string) => void;
  asking: Asking<T>;
  /** Everything but the model is there. */
  ready: boolean;
  onAsk: () => void;
  action: string;
  sample: Sample;
  words: { emptyTitle: string; emptyLead: string };
  fields: ComponentChildren;
  /** Beside the buttons. */
  tools?: ComponentChildren;
  /** In place of the invitation, until there is an answer. */
  preview?: ComponentChildren;
  children: (answer: Answered<T>) => ComponentChildren;
}

export function Workbench<T>(props: WorkbenchProps<T>) {
  const { type, icon, model, asking, words } = props;
  const { busy, answer, error } = asking;
  const models = useModels(type);
  if (models.length === 0 && !model) return <NoModels type={type} icon={icon} />;
  return (
    <div class="workbench">
      <form class="panel form" onSubmit={(event) => { event.preventDefault(); if (!busy && props.ready && model) props.onAsk(); }}>
        <ChosenModel type={type} value={model} onChange={props.onModel} />
        {props.fields}
        <div class="row">
          {/* Keys: one element that turned from Stop to submit within its click would send anew. */}
          {busy
            ? <Button key="stop" icon="stop" onClick={asking.stop}>{text.playground.chat.stop}</Button>
            : <Button key="ask" type="submit" kind="primary" icon={icon} disabled={!props.ready || !model}>{props.action}</Button>}
          {props.tools}
          <span class="grow" />
          <CodeButton sample={props.sample} />
        </div>
      </form>
      <div class="stack">
        {!answer && props.preview}
        {busy && <Panel><Loading rows={5} /></Panel>}
        {error !== undefined && <ErrorPanel error={error} retry={props.onAsk} />}
        {answer && props.children(answer)}
        {!busy && !answer && error === undefined && !props.preview && <Panel><Empty icon={icon} title={words.emptyTitle}>{words.emptyLead}</Empty></Panel>}
      </div>
    </div>
  );
}

function CodeButton({ sample }: { sample: Sample }) {
  const words = text.playground.chat;
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button icon="code" label={words.codeTitle} onClick={() => setOpen(true)} />
      {open && <Dialog title={words.codeTitle} width="wide" onClose={() => setOpen(false)}><Snippets {...sample} /></Dialog>}
    </>
  );
}
