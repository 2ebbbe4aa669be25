/** What is typed and saved nowhere: the browser asks before the page is closed, loaded anew or left by its address. */
import { useLayoutEffect } from "preact/hooks";

let givenUp = false;

/** Where the page must not stay as it is, whatever was typed. */
export function giveUp(): void {
  givenUp = true;
}

export function useUnsaved(unsaved: boolean): void {
  useLayoutEffect(() => {
    if (!unsaved) return;
    const hold = (event: BeforeUnloadEvent) => givenUp || event.preventDefault();
    window.addEventListener("beforeunload", hold);
    return () => window.removeEventListener("beforeunload", hold);
  }, [unsaved]);
}
