/** The frame of the pages before one is signed in. */
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import icon from "../../icon.svg";

export function Gate({ title, note, wide, children }: { title: string; note?: string; wide?: boolean; children: ComponentChildren }) {
  useEffect(() => {
    document.title = `${title} · chute-gateway`;
  }, [title]);
  return (
    <main class={wide ? "gate wide" : "gate"}>
      <div class="gate-brand"><img src={icon} alt="" width="30" height="30" /> chute-gateway</div>
      <section class="gate-box">
        <header>
          <h1>{title}</h1>
          {note && <span class="faint">{note}</span>}
        </header>
        {children}
      </section>
    </main>
  );
}
