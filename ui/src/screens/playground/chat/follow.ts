/** Keeps the end of a growing text in sight, unless the reader scrolled up. */
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

const NEAR = 60;

export function useFollow(): RefObject<HTMLDivElement | null> {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    let follows = true;
    element.scrollTop = element.scrollHeight;
    const scrolled = () => {
      follows = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
    };
    const observer = new MutationObserver(() => {
      if (follows) element.scrollTop = element.scrollHeight;
    });
    element.addEventListener("scroll", scrolled, { passive: true });
    observer.observe(element, { childList: true, subtree: true, characterData: true });
    return () => {
      element.removeEventListener("scroll", scrolled);
      observer.disconnect();
    };
  }, []);
  return box;
}
