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

const ADMIN = ["admin"] as const;
const USER = ["user"] as const;

export const SCREENS: readonly Screen[] = [
  { name: "overview", path: "/overview", icon: "overview", group: "watch", roles: ADMIN, load: () => import("../screens/overview/screen") },
  { name: "requests", path: "/requests", icon: "requests", group: "watch", roles: ADMIN, load: () => import("../screens/requests/screen") },
  { name: "batches", path: "/batches", icon: "batches", group: "watch", roles: ADMIN, load: () => import("../screens/batches/screen") },
  { name: "usage", path: "/usage", icon: "chart", group: "watch", roles: ADMIN, load: () => import("../screens/usage/screen") },
  { name: "mine", path: "/mine", icon: "overview", group: "yours", roles: USER, load: () => import("../screens/mine/usage") },
  { name: "myRequests", path: "/my-requests", icon: "requests", group: "yours", roles: USER, load: () => import("../screens/mine/requests") },
  { name: "myKeys", path: "/my-keys", icon: "keys", group: "yours", roles: USER, load: () => import("../screens/mine/keys") },
  { name: "playground", path: "/playground", icon: "playground", group: "serve", roles: ["admin", "user", "nobody"], load: () => import("../screens/playground/screen") },
  { name: "catalog", path: "/catalog", icon: "catalog", group: "serve", roles: ["admin", "user", "nobody"], load: () => import("../screens/catalog/screen") },
  { name: "models", path: "/models", icon: "models", group: "serve", roles: ADMIN, load: () => import("../screens/models/screen") },
  { name: "providers", path: "/providers", icon: "providers", group: "serve", roles: ADMIN, load: () => import("../screens/providers/screen") },
  { name: "engines", path: "/engines", icon: "engines", group: "serve", roles: ADMIN, load: () => import("../screens/engines/screen") },
  { name: "keys", path: "/keys", icon: "keys", group: "people", roles: ADMIN, load: () => import("../screens/keys/screen") },
  { name: "users", path: "/users", icon: "users", group: "people", roles: ADMIN, load: () => import("../screens/users/screen") },
  { name: "settings", path: "/settings", icon: "settings", group: "keep", roles: ADMIN, load: () => import("../screens/settings/screen") },
  { name: "audit", path: "/audit", icon: "audit", group: "keep", roles: ADMIN, load: () => import("../screens/audit/screen") },
  { name: "backup", path: "/backup", icon: "backup", group: "keep", roles: ADMIN, load: () => import("../screens/backup/screen") },
  { name: "account", path: "/account", icon: "lock", group: "keep", roles: ["admin", "user"], load: () => import("../screens/mine/screen") },
];

export function screensOf(role: string | null | undefined): Screen[] {
  const who = role === "admin" || role === "user" ? role : "nobody";
  return SCREENS.filter((screen) => screen.roles.includes(who));
}

export function screenAt(path: string, screens: readonly Screen[] = SCREENS): Screen | undefined {
  return screens.find((screen) => path === screen.path || path.startsWith(`${screen.path}/`));
}

