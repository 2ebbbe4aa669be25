/** A place to choose, drop or paste a file. */
import { useEffect, useRef, useState } from "preact/hooks";
import { bytes } from "../../format/numbers";
import { Icon, type IconName } from "../../parts/icon";
import { filesOf } from "./chat/pictures";

interface FileDropProps {
  icon: IconName;
  accept: string;
  title: string;
  note: string;
  file: File | null;
  onFile: (file: File) => void;
}

export function FileDrop({ icon, accept, title, note, file, onFile }: FileDropProps) {
  const [over, setOver] = useState(false);
  const chooser = useRef<HTMLInputElement>(null);
  const latest = useRef(onFile);
  latest.current = onFile;
  useEffect(() => {
    const paste = (event: ClipboardEvent) => {
      const [pasted] = filesOf(event.clipboardData);
      if (pasted) latest.current(pasted);
    };
    document.addEventListener("paste", paste);
    return () => document.removeEventListener("paste", paste);
  }, []);
  return (
    <div
      class={over ? "drop over" : "drop"}
      onDragOver={(event) => { event.preventDefault(); setOver(true); }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        const [dropped] = filesOf(event.dataTransfer);
        if (dropped) onFile(dropped);
      }}
    >
      <input ref={chooser} type="file" accept={accept} hidden aria-label={title} onChange={(event) => { const chosen = event.currentTarget.files?.[0]; if (chosen) onFile(chosen); event.currentTarget.value = ""; }} />
      <button type="button" onClick={() => chooser.current?.click()}>
        <Icon name={icon} size={20} />
        <span class="truncate">{file ? file.name : title}</span>
        <small>{file ? bytes(file.size) : note}</small>
      </button>
    </div>
  );
}
