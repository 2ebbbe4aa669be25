/** What modal dialogs have in common: the focus goes in, and back to where it was; the browser's Back closes them. */
import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { lay, type Layer } from "../state/router";

interface Shown {
  dialog: HTMLDialogElement;
  /** What had the focus before. */
  opener: HTMLElement | null;
}

const shown: Shown[] = [];
/** Openers of the dialogs that were closed just now. */
let openers: (HTMLElement | null)[] = [];

export function useModal(box: RefObject<HTMLDialogElement | null>): void {
  useLayoutEffect(() => {
    const dialog = box.current;
    if (!dialog) return;
    const mine: Shown = { dialog, opener: focused() ?? openers[0] ?? null };
    shown.push(mine);
    dialog.showModal();
    // Without a field to begin with, the dialog itself is focused, not its close button.
    if (!dialog.querySelector("[autofocus]")) dialog.focus();
    return () => {
      shown.splice(shown.indexOf(mine), 1);
      for (const other of shown) if (dialog.contains(other.opener)) other.opener = mine.opener;
      dialog.close(); // as long as it is open, nothing else takes the focus
      openers.push(mine.opener);
      queueMicrotask(giveBack);
    };
  }, []);
}

function focused(): HTMLElement | null {
  const at = document.activeElement;
  return at instanceof HTMLElement && at !== document.body ? at : null;
}

/** Once all that close together are closed: one may have been opened from within another. */
function giveBack(): void {
  const candidates = openers;
  openers = [];
  const top = shown.at(-1)?.dialog;
  const at = focused();
  if (top ? top.contains(at) : at !== null || candidates.every((one) => one === null)) return;
  const opener = candidates.find((one) => one?.isConnected && (!top || top.contains(one)));
  (opener ?? top ?? document.getElementById("main"))?.focus();
}

/** Whether a dialog lies over the page, so that the page's own keys rest. */
export function isCovered(): boolean {
  return document.querySelector("dialog:modal") !== null;
}

export function useLayer(layer: Layer): void {
  const latest = useRef(layer);
  latest.current = layer;
  useLayoutEffect(() => lay({ named: layer.named, holds: () => latest.current.holds(), close: () => latest.current.close() }), []);
}
