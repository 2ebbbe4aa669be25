/** Where a message is written: Enter sends, images come by button, paste or drop. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { directionOf } from "../../../format/direction";
import { Button } from "../../../parts/button";
import { Icon } from "../../../parts/icon";
import { complain } from "../../../state/toasts";
import { text } from "../../../text";
import { type Draft, draft, NO_DRAFT } from "./conversation";
import { filesOf, type Picture, readPicture } from "./pictures";

interface ComposerProps {
  busy: boolean;
  ready: boolean;
  /** Names of chosen models that are said not to see. */
  blind: string[];
  onSend: (text: string, pictures: Picture[]) => void;
  onStop: () => void;
}

export function Composer({ busy, ready, blind, onSend, onStop }: ComposerProps) {
  const words = text.playground.chat;
  const { text: typed, pictures } = draft.value;
  const set = (part: Partial<Draft>) => {
    draft.value = { ...draft.peek(), ...part };
  };
  const [over, setOver] = useState(false);
  const chooser = useRef<HTMLInputElement>(null);
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => area.current?.focus(), []);
  useLayoutEffect(() => {
    // Of the buttons to send and to stop, one takes the other's place; a touch would call the keyboard.
    if (document.activeElement === document.body && matchMedia("(hover: hover)").matches) area.current?.focus();
  }, [busy]);

  const add = async (files: File[]) => {
    for (const file of files) {
      try {
        const picture = await readPicture(file);
        set({ pictures: [...draft.peek().pictures, picture] });
      } catch (error) {
        complain(error);
      }
    }
  };
  const send = () => {
    if (busy || !ready || (!typed.trim() && pictures.length === 0)) return;
    onSend(typed.trim(), pictures);
    draft.value = NO_DRAFT;
  };
  return (
    <form
      class={over ? "composer over" : "composer"}
      onSubmit={(event) => { event.preventDefault(); send(); }}
      onDragOver={(event) => { event.preventDefault(); setOver(true); }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => { event.preventDefault(); setOver(false); void add(filesOf(event.dataTransfer)); }}
    >
      {pictures.length > 0 && <Previews pictures={pictures} onRemove={(n) => set({ pictures: pictures.filter((_, i) => i !== n) })} />}
      {pictures.length > 0 && blind.length > 0 && <p class="composer-note"><Icon name="warn" size={14} />{words.blind(blind.join(", "))}</p>}
      <textarea
        ref={area}
        rows={1}
        dir={directionOf(typed)}
        aria-label={words.placeholder}
        placeholder={over ? words.dropImage : words.placeholder}
        value={typed}
        onInput={(event) => set({ text: event.currentTarget.value })}
        onPaste={(event) => {
          const files = filesOf(event.clipboardData);
          if (files.length === 0) return;
          event.preventDefault();
          void add(files);
        }}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          send();
        }}
      />
      <div class="composer-bar">
        <input ref={chooser} type="file" accept="image/png,image/jpeg,image/webp,image/gif" multiple hidden aria-label={words.addImage} onChange={(event) => { void add([...(event.currentTarget.files ?? [])]); event.currentTarget.value = ""; }} />
        <Button kind="ghost" icon="clip" title={words.addImage} onClick={() => chooser.current?.click()}>{words.image}</Button>
        <span class="grow" />
        {busy ? <Button key="stop" icon="stop" onClick={onStop}>{words.stop}</Button> : <Button key="send" type="submit" kind="primary" icon="send" disabled={!ready || (!typed.trim() && pictures.length === 0)}>{words.send}</Button>}
      </div>
    </form>
  );
}

export function Previews({ pictures, onRemove }: { pictures: Picture[]; onRemove?: (n: number) => void }) {
  return (
    <ul class="previews">
      {pictures.map((picture, n) => (
        <li key={n}>
          <img src={picture.url} alt={picture.name} title={picture.name} />
          {onRemove && <button type="button" aria-label={text.playground.chat.removeImage} onClick={() => onRemove(n)}><Icon name="close" size={12} /></button>}
        </li>
      ))}
    </ul>
  );
}
