/** The menu beside every screen; on a phone it slides in. */
import { signal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import icon from "../icon.svg";
import { Button } from "../parts/button";
import { Icon } from "../parts/icon";
import { useLayer } from "../parts/modal";
import { paletteOpen } from "../parts/palette";
import { href, path } from "../state/router";
import { leave, session } from "../state/session";
import { forgetKey } from "../state/tab-key";
import { nextTheme, theme } from "../state/theme";
import { text } from "../text";
import { type Screen, screenAt, screensOf } from "./screens";

export const sideOpen = signal(false);

export function Topbar() {
  return (
    <header class="topbar">
      <Button kind="ghost" icon="menu" label={text.shell.menu} onClick={() => { sideOpen.value = true; }} />
      <Brand />
      <Button kind="ghost" icon="search" label={text.shell.jump} onClick={() => { paletteOpen.value = true; }} />
    </header>
  );
}

export function Side() {
  const screens = screensOf(session.value?.role);
  const current = screenAt(path.value);
  const groups = [...new Set(screens.map((screen) => screen.group))];
  const box = useRef<HTMLElement>(null);
  const open = sideOpen.value;
  useLayoutEffect(() => {
    if (!open) return;
    const before = document.activeElement;
    box.current?.querySelector<HTMLElement>("nav a")?.focus();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, [open]);
  const close = () => {
    sideOpen.value = false;
  };
  return (
    <>
      {open && <Veil onClose={close} />}
      <aside ref={box} class={open ? "side open" : "side"} onKeyDown={(event) => event.key === "Escape" && close()}>
        <Brand />
        <button type="button" class="jump" onClick={() => { close(); paletteOpen.value = true; }}>
          <Icon name="search" size={14} />
          <span>{text.shell.jump}</span>
          <kbd>{navigator.platform.startsWith("Mac") ? "⌘K" : "Ctrl K"}</kbd>
        </button>
        <nav aria-label={text.shell.main}>
          {groups.map((group) => (
            <Group key={group} name={text.shell.groups[group]} screens={screens.filter((screen) => screen.group === group)} current={current} onGo={close} />
          ))}
        </nav>
        <Foot />
      </aside>
    </>
  );
}

/** Beside the open menu; a click on it closes the menu, as the browser's Back does. */
function Veil({ onClose }: { onClose: () => void }) {
  useLayer({ named: false, holds: () => false, close: onClose });
  return <button type="button" class="veil" aria-label={text.common.close} onClick={onClose} />;
}

function Brand() {
  return (
    <a class="brand" href={href("/")}>
      <img src={icon} alt="" width="22" height="22" />
      chute-gateway
    </a>
  );
}

function Group({ name, screens, current, onGo }: { name: string; screens: Screen[]; current: Screen | undefined; onGo: () => void }) {
  return (
    <>
      <h2>{name}</h2>
      {screens.map((screen) => (
        <a key={screen.name} href={href(screen.path)} aria-current={screen === current ? "page" : undefined} onClick={onGo}>
          <Icon name={screen.icon} />
          {text.shell.screens[screen.name]}
        </a>
      ))}
    </>
  );
}

function Foot() {
  const icons = { system: "system", light: "sun", paper: "sun", dark: "moon", midnight: "moon", contrast: "eye" } as const;
  const who = session.value;
  return (
    <div class="foot">
      <div class="who">
        {who?.role ? <a class="truncate grow" href={href("/account")}>{who.user?.username ?? who.role}</a> : <a class="grow" href={href("/login")}>{text.shell.login}</a>}
        <Button kind="ghost" icon={icons[theme.value]} label={text.shell.theme[theme.value]} onClick={nextTheme} />
        {who?.role && <Button kind="ghost" icon="out" label={text.shell.logout} onClick={() => void forgetKey().then(leave)} />}
      </div>
    </div>
  );
}
