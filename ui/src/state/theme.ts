/** How it looks in this browser: the theme, how dense tables are, how many rows a page has. */
import { computed, effect } from "@preact/signals";
import { kept } from "./kept";

/** `system` is light or dark, as the system is. */
export const THEMES = ["system", "light", "dark", "paper", "midnight", "contrast"] as const;
export type Theme = (typeof THEMES)[number];

export const DENSITIES = ["compact", "normal", "roomy"] as const;
export type Density = (typeof DENSITIES)[number];

/** 0 shows all in one long table. */
export const PAGE_SIZES = [25, 50, 100, 200, 0] as const;

export const theme = kept<Theme>("theme", "system");
export const density = kept<Density>("density", "normal");
export const pageSize = kept<number>("page-size", 0);

const ROWS: Record<Density, number> = { compact: 28, normal: 34, roomy: 42 };

/** The pixels of a table's row; the same as `--row`. */
export const rowHeight = computed(() => ROWS[density.value] ?? ROWS.normal);

export function applyTheme(): void {
  effect(() => {
    const root = document.documentElement;
    if (theme.value === "system") delete root.dataset.theme;
    else root.dataset.theme = theme.value;
    root.dataset.density = density.value;
  });
}

export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? "system";
}
