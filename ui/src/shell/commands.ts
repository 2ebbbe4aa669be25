/** What the palette offers: the screens of this role, and a few things to do. */
import type { Command } from "../parts/palette";
import { navigate } from "../state/router";
import { leave } from "../state/session";
import { DENSITIES, density, THEMES, theme } from "../state/theme";
import { text } from "../text";
import { screensOf } from "./screens";

export function commands(role: string | null): Command[] {
  const screens = screensOf(role).map((screen): Command => ({
    id: screen.name,
    label: text.shell.screens[screen.name],
    group: text.palette.screens,
    icon: screen.icon,
    run: () => navigate(screen.path),
  }));
  const tabs = Object.entries(text.playground.tabs).map(([name, label]): Command => ({
    id: `playground-${name}`,
    label: `${text.shell.screens.playground}: ${label}`,
    group: text.palette.screens,
    icon: "playground",
    run: () => navigate(name === "chat" ? "/playground" : `/playground/${name}`),
  }));
  const money = Object.entries(text.usage.tabs).filter(([name]) => role === "admin" && name !== "report").map(([name, label]): Command => ({
    id: `usage-${name}`,
    label: `${text.shell.screens.usage}: ${label}`,
    group: text.palette.screens,
    icon: "chart",
    run: () => navigate(`/usage/${name}`),
  }));
  const quota: Command[] = role === "admin" ? [{ id: "quota", label: `${text.shell.screens.settings}: ${text.settings.tabs.quota}`, group: text.palette.screens, icon: "settings", run: () => navigate("/settings/quota") }] : [];
  const actions: Command[] = [
    ...THEMES.map((name): Command => ({ id: `theme-${name}`, label: text.shell.theme[name], group: text.palette.actions, icon: "sun", run: () => { theme.value = name; } })),
    ...DENSITIES.map((name): Command => ({ id: `density-${name}`, label: text.shell.density[name], group: text.palette.actions, icon: "columns", run: () => { density.value = name; } })),
    ...(role ? [{ id: "logout", label: text.shell.logout, group: text.palette.actions, icon: "out" as const, run: () => void leave() }]
      : [{ id: "login", label: text.shell.login, group: text.palette.actions, icon: "lock" as const, run: () => navigate("/login") }]),
  ];
  return [...screens, ...money, ...quota, ...tabs, ...actions];
}
