/** Dialogs on the browser's own <dialog>: focus stays inside, Escape and the browser's Back close. */
import type { ComponentChildren } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import { useUnsaved } from "../state/unsaved";
import { text } from "../text";
import { Button } from "./button";
import { useLayer, useModal } from "./modal";

interface DialogProps {
  title: string;
  onClose: () => void;
  /** The address names it, so it has its place in the history without this. */
  named?: boolean;
  /** Something typed would be lost: whoever closes it otherwise than by saving is asked. */
  unsaved?: boolean;
  children: ComponentChildren;
  footer?: ComponentChildren;
  width?: "narrow" | "normal" | "wide" | "drawer";
}

export function Dialog({ title, onClose, named = false, unsaved = false, children, footer, width = "normal" }: DialogProps) {
  const box = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const [asks, setAsks] = useState(false);
  useModal(box);
  useUnsaved(unsaved);
  const holds = () => {
    if (unsaved) setAsks(true);
    return unsaved;
  };
  const dismiss = () => void (holds() || onClose());
  useLayer({ named, holds, close: onClose });
  return (
    <dialog
      ref={box}
      class={`dialog ${width}`}
      aria-labelledby={heading}
      tabIndex={-1}
      onCancel={(event) => {
        if (event.target !== box.current) return;
        event.preventDefault();
        dismiss();
      }}
      onClose={(event) => {
        // A second Escape in a row closes it whatever is said against it.
        const dialog = event.currentTarget;
        if (event.target !== dialog || dialog !== box.current || dialog.open) return;
        if (unsaved) dialog.showModal();
        dismiss();
      }}
      onMouseDown={(event) => event.target === box.current && dismiss()}
    >
      <div class="dialog-box">
        <header>
          <h2 id={heading}>{title}</h2>
          <Button kind="ghost" icon="close" label={text.common.close} onClick={dismiss} />
        </header>
        <div class="dialog-body">{children}</div>
        {footer && <footer>{footer}</footer>}
      </div>
      {asks && (
        <Confirm title={text.unsaved.title} action={text.unsaved.action} stay={text.unsaved.stay} onConfirm={onClose} onClose={() => setAsks(false)}>
          <p>{text.unsaved.lead}</p>
        </Confirm>
      )}
    </dialog>
  );
}

export function Confirm(props: {
  title: string;
  children: ComponentChildren;
  action: string;
  /** What not to do it is called, where that is not "Cancel". */
  stay?: string;
  busy?: boolean;
  onConfirm: () => void;
  onClose: () => void;
}) {
  return (
    <Dialog
      title={props.title}
      width="narrow"
      onClose={props.onClose}
      footer={
        <>
          <Button onClick={props.onClose}>{props.stay ?? text.common.cancel}</Button>
          <Button kind="danger" busy={props.busy ?? false} onClick={props.onConfirm}>
            {props.action}
          </Button>
        </>
      }
    >
      {props.children}
    </Dialog>
  );
}
