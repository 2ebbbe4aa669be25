/** Where in the app we are: the path below /ui and the query, kept in the address so that views can be shared. */
import { computed, signal } from "@preact/signals";

const BASE = "/ui";

function read(): URL {
  return new URL(window.location.href);
}

const current = signal(read());
export const path = computed(() => current.value.pathname.replace(/^\/ui(?=\/|$)/, "").replace(/\/+$/, "") || "/");
export const query = computed(() => current.value.searchParams);

window.addEventListener("popstate", () => {
  current.value = read();
});

/** How many rows the address skips; 0 where it says nothing sensible. */
export function skippedRows(): number {
  const asked = Number(query.value.get("offset"));
  return Number.isSafeInteger(asked) && asked > 0 ? asked : 0;
}

export function href(to: string): string {
  return BASE + to;
}

export function navigate(to: string, options: { replace?: boolean } = {}): void {
  const url = href(to);
  if (options.replace) window.history.replaceState(null, "", url);
  else window.history.pushState(null, "", url);
  const moved = read().pathname !== current.value.pathname;
  current.value = read();
  if (moved && !options.replace) window.scrollTo(0, 0);
}

/** Sets query parameters of this view; null and "" take one away. */
export function setQuery(changes: Record<string, string | null>): void {
  const next = new URLSearchParams(query.value);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") next.delete(name);
    else next.set(name, value);
  }
  const text = next.toString();
  navigate(path.value + (text ? `?${text}` : ""), { replace: true });
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
