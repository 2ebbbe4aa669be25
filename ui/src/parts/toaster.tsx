/** The stack of short messages. */
import { dismiss, toasts } from "../state/toasts";
import { text } from "../text";
import { Button } from "./button";
import { Icon } from "./icon";

export function Toaster() {
  return (
    <div class="toaster" role="status" aria-live="polite">
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
