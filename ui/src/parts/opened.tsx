/** What the address has open of a list: one thing as it was when it was opened, or a new one. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Stored } from "../api/collection";
import { closeOver, query } from "../state/router";
import { say } from "../state/toasts";
import { text } from "../text";

interface OpenedProps<T> {
  rows: T[];
  /** Without a row: a new one. */
  children: (row: T | undefined) => ComponentChildren;
}

export function Opened<T extends Stored>(props: OpenedProps<T>) {
  const open = query.value.get("open");
  return open === null ? null : <One key={open} id={open} {...props} />;
}

/** The row stays the one that the form began with, so that a change of somebody else meanwhile is not overwritten. */
function One<T extends Stored>({ id, rows, children }: OpenedProps<T> & { id: string }) {
  const [row] = useState(() => rows.find((one) => one.id === id));
  const gone = id !== "new" && row === undefined;
  useEffect(() => {
    if (!gone) return;
    say(text.forms.gone(id));
    closeOver("open");
  }, [gone]);
  return gone ? null : <>{children(row)}</>;
}
