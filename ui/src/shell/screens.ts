/** Every screen: its path, who may see it, where it stands in the menu, and its code, loaded when first needed. */
import type { ComponentType } from "preact";
import type { IconName } from "../parts/icon";
import { text } from "../text";

export type ScreenName = keyof typeof text.shell.screens;
type Group = keyof typeof text.shell.groups;

export interface Screen {
  name: ScreenName;
  path: string;
  icon: IconName;
  group: Group;
  roles: readonly ("admin" | "user" | "nobody")[];
  load: () => Promise<{ default: ComponentType }>;
}

export const SCREENS: readonly Screen[] = [
  { name: "playground", path: "/playground", icon: "playground", group: "serve", roles: ["admin", "user", "nobody"], load: () => import("../screens/playground/screen") },
];

export function screensOf(role: string | null | undefined): Screen[] {
  const who = role === "admin" || role === "user" ? role : "nobody";
  return SCREENS.filter((screen) => screen.roles.includes(who));
}

export function screenAt(path: string, screens: readonly Screen[] = SCREENS): Screen | undefined {
  return screens.find((screen) => path === screen.path || path.startsWith(`${screen.path}/`));
}

