/** The frame of a screen: heading, what it is for, actions. */
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

interface PageProps {
  title: string;
  lead?: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
  fill?: boolean;
}

export function Page({ title, lead, actions, children, fill }: PageProps) {
  useEffect(() => {
    document.title = `${title} · chute-gateway`;
  }, [title]);
  return (
    <div class={fill ? "page fill" : "page"}>
      <header class="page-head">
        <div>
          <h1>{title}</h1>
          {lead && <p>{lead}</p>}
        </div>
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

export function Panel(props: { title?: string; note?: ComponentChildren; actions?: ComponentChildren; children: ComponentChildren; flush?: boolean }) {
  return (
    <section class={props.flush ? "panel flush" : "panel"}>
      {props.title && (
        <header>
          <h2>{props.title}</h2>
          {props.note && <span class="note">{props.note}</span>}
          {props.actions && <div class="actions">{props.actions}</div>}
        </header>
      )}
      {props.children}
    </section>
  );
}
