/** The whole app: the frame, the screen of the current path, the palette and the messages. */
import { useEffect, useMemo } from "preact/hooks";
import { ErrorPanel, Empty, Loading } from "../parts/states";
import { LinkButton } from "../parts/button";
import { Palette, paletteOpen } from "../parts/palette";
import { Toaster } from "../parts/toaster";
import { isCovered } from "../parts/modal";
import { isTyping } from "../parts/table/keys";
import { followLinks, navigate, path, query } from "../state/router";
import { connection } from "../state/live";
import { ended, findSession, session, sessionError } from "../state/session";
import { text } from "../text";
import { commands } from "./commands";
import { LazyScreen } from "./lazy";
import { Login, LoginAgain } from "../screens/login/login";
import { FirstRun } from "../screens/login/first-run";
import { Side, Topbar } from "./side";
import { screenAt, screensOf } from "./screens";

export function App() {
  useEffect(() => void findSession(), []);
  useShortcuts();
  const who = session.value;
  if (who === null) return sessionError.value === undefined ? <div class="page"><Loading rows={3} /></div> : <div class="page"><ErrorPanel error={sessionError.value} retry={() => void findSession()} /></div>;
  if (path.value === "/setup" || (who.setup_required && !screenAt(path.value, screensOf(null)))) return <><FirstRun /><Toaster /></>;
  const wanted = screenAt(path.value);
  const allowed = screenAt(path.value, screensOf(who.role));
  if (path.value === "/login" || (!who.role && !allowed)) return <><Login then={wanted ? path.value + search() : "/"} /><Toaster /></>;
  return <><Frame role={who.role ?? null} />{ended.value && <LoginAgain />}</>;
}

function search(): string {
  const typed = query.value.toString();
  return typed ? `?${typed}` : "";
}

export function home(role: string | null | undefined): string {
  return screensOf(role)[0]?.path ?? "/playground";
}

function Frame({ role }: { role: string | null }) {
  const screens = screensOf(role);
  const screen = screenAt(path.value, screens);
  const all = useMemo(() => commands(role), [role]);
  useEffect(() => {
    if (path.value === "/") navigate(home(role), { replace: true });
  }, [path.value, role]);
  return (
    <div class="shell" onClick={followLinks}>
      <a class="skip" href="#main">{text.shell.skip}</a>
      <Topbar />
      <Side />
      <main class="main" id="main" tabIndex={-1}>
        {connection.value === "lost" && <p class="banner bad" role="alert"><span class="spinner" />{text.shell.lost}</p>}
        {screen && <LazyScreen key={screen.name} screen={screen} />}
        {!screen && path.value !== "/" && (
          <div class="page"><Empty icon="info" title={text.shell.notFound} action={<LinkButton to={home(role)}>{text.shell.toOverview}</LinkButton>}>{text.shell.notFoundNext}</Empty></div>
        )}
      </main>
      <Palette commands={all} />
      <Toaster />
    </div>
  );
}

/** ⌘K opens the palette, / goes to the search of the screen. */
function useShortcuts(): void {
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        paletteOpen.value = !paletteOpen.value && !isCovered();
      } else if (event.key === "/" && !isTyping(event.target) && !event.metaKey && !event.ctrlKey && !isCovered()) {
        const box = document.querySelector<HTMLInputElement>("[data-search]");
        if (!box) return;
        event.preventDefault();
        box.focus();
      }
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
}
