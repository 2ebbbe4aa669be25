/** Switches a thing on and off where it stands in its list, with a way back. */
import type { Collection, Stored } from "../api/collection";
import { text } from "../text";
import { complain, say } from "./toasts";

/** Tells whether it could be done. */
export type Toggle<View> = (row: View, enabled: boolean) => Promise<boolean>;

export function useSwitch<View extends Stored, Input>(things: Collection<View, Input>, toInput: (row: View) => Input, nameOf: (row: View) => string, reload: () => void): Toggle<View> {
  const turn: Toggle<View> = async (row, enabled) => {
    try {
      const changed = await things.replace(row, { ...toInput(row), enabled });
      const words = enabled ? text.forms.enabled : text.forms.disabled;
      say(words(nameOf(row)), { label: text.common.undo, run: () => void turn(changed, !enabled) });
      return true;
    } catch (error) {
      complain(error);
      return false;
    } finally {
      reload();
    }
  };
  return turn;
}
