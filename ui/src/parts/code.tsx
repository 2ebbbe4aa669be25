/** Code and other text to take away. */
import { useState } from "preact/hooks";
import { copyText } from "../state/clipboard";
import { complain } from "../state/toasts";
import { text } from "../text";
import { Button, type ButtonProps } from "./button";

export function CopyButton({ content, label, ...rest }: { content: string | (() => string); label?: string } & Pick<ButtonProps, "size" | "kind">) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    try {
      await copyText(typeof content === "string" ? content : content());
      setDone(true);
      setTimeout(() => setDone(false), 1500);
    } catch (error) {
      complain(error);
    }
  };
  return (
    <Button {...rest} icon={done ? "check" : "copy"} {...(label ? {} : { label: text.common.copy })} onClick={copy}>
      {label}
    </Button>
  );
}

/** `whole` is what is copied, where less is shown. */
export function Code({ children, label, whole }: { children: string; label?: string; whole?: () => string }) {
  return (
    <div class="code">
      <pre tabIndex={0} aria-label={label}>{children}</pre>
      <CopyButton content={whole ?? children} size="small" kind="ghost" />
    </div>
  );
}
