/** The stack of short messages. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { dismiss, toasts } from "../state/toasts";
import { text } from "../text";
import { Button } from "./button";
import { Icon } from "./icon";

export function Toaster() {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    // Shown anew, they lie over the dialog that was opened last.
    if (document.querySelector("dialog:modal")) box.current?.hidePopover();
    box.current?.showPopover();
  }, [toasts.value]);
  return (
    <div ref={box} popover="manual" class="toaster" role="status" aria-live="polite">
      {toasts.value.map((toast) => (
        <div key={toast.id} class={`toast ${toast.kind}`}>
          <Icon name={toast.kind === "ok" ? "check" : "warn"} />
          <span>{toast.text}</span>
          {toast.action && (
            <Button
              size="small"
              onClick={() => {
                toast.action?.run();
                dismiss(toast.id);
              }}
            >
              {toast.action.label}
            </Button>
          )}
          <Button kind="ghost" size="small" icon="close" label={text.common.close} onClick={() => dismiss(toast.id)} />
        </div>
      ))}
    </div>
  );
}
