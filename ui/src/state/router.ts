/** Where in the app we are: the path below /ui and the query, kept in the address so that views can be shared. */
import { computed, signal } from "@preact/signals";

const BASE = "/ui";

function read(): URL {
  return new URL(window.location.href);
}

/** What an entry of the history shows over a view: something that the address names, and dialogs that it does not. */
interface Over {
  named: boolean;
  dialogs: number;
}

/** A dialog, as the browser's Back meets it. */
export interface Layer {
  /** The address names it: the entry that it has is not counted as a dialog's. */
  named: boolean;
  /** True where something would be lost: then it asks whether to close, and stays. */
  holds: () => boolean;
  close: () => void;
}

const current = signal(read());
export const path = computed(() => current.value.pathname.replace(/^\/ui(?=\/|$)/, "").replace(/\/+$/, "") || "/");
export const query = computed(() => current.value.searchParams);

/** How the address is written once the browser is back under what was closed; null while it goes nowhere. */
let returning: "replaceState" | "pushState" | null = null;
/** Whether what the address names was opened over a view, and so has an entry of its own. */
let named = marked().named;
const layers: Layer[] = [];

window.addEventListener("popstate", () => {
  if (returning === null) return arrive();
  window.history[returning](returning === "pushState" ? { named, dialogs: 0 } : marked(), "", current.value);
  returning = null;
  settle();
});

function marked(): Over {
  const state: unknown = window.history.state;
  return typeof state === "object" && state !== null ? (state as Over) : { named: false, dialogs: 0 };
}

function wanted(): Over {
  return { named, dialogs: layers.filter((layer) => !layer.named).length };
}

function depth({ named, dialogs }: Over): number {
  return Number(named) + dialogs;
}

/** Where Back or Forward led. Dialogs that are not there any more are closed; one that holds what was typed keeps us here. */
function arrive(): void {
  const to = read();
  const closing = to.href === current.value.href ? layers.filter((layer) => !layer.named).slice(marked().dialogs) : [...layers];
  if (closing.reverse().some((layer) => layer.holds())) {
    window.history.pushState(wanted(), "", current.value);
    return;
  }
  for (const layer of closing) if (!layer.named) layer.close();
  named = marked().named;
  current.value = to;
  setTimeout(settle);
}

/** Makes the history as deep as what lies over the view. */
function settle(): void {
  if (returning !== null) return;
  const surplus = depth(marked()) - depth(wanted());
  if (surplus > 0) goBack(surplus);
  for (let missing = -surplus; missing > 0; missing -= 1) {
    window.history.pushState({ ...marked(), dialogs: marked().dialogs + 1 }, "", current.value);
  }
}

function goBack(entries: number): void {
  returning = "replaceState";
  window.history.go(-entries);
}

/** Gives a dialog an entry of the history, so that Back closes it; takes it away again when called. */
export function lay(layer: Layer): () => void {
  layers.push(layer);
  queueMicrotask(settle);
  return () => {
    layers.splice(layers.indexOf(layer), 1);
    queueMicrotask(settle);
  };
}

setTimeout(settle); // a page that is loaded anew has none of its dialogs

/** The tab that the address names after the screen; the first of `known` where it names none that there is. */
export function tabOf<T extends string>(known: readonly T[]): T {
  const asked = path.value.split("/").slice(2).join("/");
  return known.find((one) => one === asked) ?? (known[0] as T);
}

/** How many rows the address skips; 0 where it says nothing sensible. */
export function skippedRows(): number {
  const asked = Number(query.value.get("offset"));
  return Number.isSafeInteger(asked) && asked > 0 ? asked : 0;
}

export function href(to: string): string {
  return BASE + to;
}

export function navigate(to: string, options: { replace?: boolean; over?: boolean } = {}): void {
  const url = new URL(href(to), window.location.origin);
  if (!options.replace) {
    named = options.over === true;
    if (returning === null && marked().dialogs > 0) goBack(marked().dialogs);
  }
  if (returning !== null) {
    if (!options.replace) returning = "pushState";
  } else if (options.replace) window.history.replaceState(window.history.state, "", url);
  else window.history.pushState({ named, dialogs: 0 }, "", url);
  const moved = url.pathname !== current.value.pathname;
  current.value = url;
  if (moved && !options.replace) window.scrollTo(0, 0);
}

type Changes = Record<string, string | null>;

/** Sets query parameters of this view; null and "" take one away. */
export function setQuery(changes: Changes): void {
  navigate(changed(changes), { replace: true });
}

function changed(changes: Changes): string {
  const next = new URLSearchParams(query.value);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") next.delete(name);
    else next.set(name, value);
  }
  const text = next.toString();
  return path.value + (text ? `?${text}` : "");
}

/** Opens something over this view, in an entry of the history of its own: the browser's Back closes it. */
export function openOver(changes: Changes): void {
  navigate(changed(changes), { replace: isOver(), over: true });
}

/** Closes it. Whoever came by its address has no entry to go back to: the address is changed where it stands. */
export function closeOver(...names: string[]): void {
  if (isOver()) goBack(depth(marked()));
  named = false;
  setQuery(Object.fromEntries(names.map((name) => [name, null])));
}

function isOver(): boolean {
  return returning === null && marked().named;
}

/** Follows links within the app without loading the page again. */
export function followLinks(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const link = (event.target as Element).closest("a");
  if (!link || link.target || link.hasAttribute("download")) return;
  const url = new URL(link.href, window.location.href);
  if (url.origin !== window.location.origin || !/^\/ui(\/|$)/.test(url.pathname)) return;
  event.preventDefault();
  navigate(url.pathname.slice(BASE.length) + url.search);
}
