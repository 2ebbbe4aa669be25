/** What is typed and chosen in the tabs, by tab and field: it outlives a look at another tab and a reload, as long as the key. */
import { signal } from "@preact/signals";
import { keptWithKey } from "../../state/kept-with-key";

type Typed = Record<string, string>;

const typed = signal<Typed>({});
const kept = keptWithKey("gateway.typed", () => (Object.keys(typed.peek()).length ? [typed.peek()] : []), () => {
  typed.value = {};
});
if (kept) typed.value = kept;

export function useTyped(field: string, initial = ""): [string, (value: string) => void] {
  return [typed.value[field] ?? initial, (value) => {
    typed.value = { ...typed.peek(), [field]: value };
  }];
}
