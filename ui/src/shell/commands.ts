/** What the palette offers: the screens of this role, and a few things to do. */
import type { Command } from "../parts/palette";
import { navigate } from "../state/router";
import { leave } from "../state/session";
import { nextTheme } from "../state/theme";
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
  const actions: Command[] = [
    { id: "theme", label: text.palette.theme, group: text.palette.actions, icon: "sun", run: nextTheme },
    ...(role ? [{ id: "logout", label: text.shell.logout, group: text.palette.actions, icon: "out" as const, run: () => void leave() }]
      : [{ id: "login", label: text.shell.login, group: text.palette.actions, icon: "lock" as const, run: () => navigate("/login") }]),
  ];
  return [...screens, ...tabs, ...actions];
}
