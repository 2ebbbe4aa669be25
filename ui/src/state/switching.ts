/** Switches a thing on and off where it stands in its list, with a way back. */
import type { Collection, Stored } from "../api/collection";
import { text } from "../text";
import { complain, say } from "./toasts";

export function useSwitch<View extends Stored, Input>(things: Collection<View, Input>, toInput: (row: View) => Input, nameOf: (row: View) => string, reload: () => void) {
  const turn = async (row: View, enabled: boolean) => {
    try {
      const changed = await things.replace(row, { ...toInput(row), enabled });
      const words = enabled ? text.forms.enabled : text.forms.disabled;
      say(words(nameOf(row)), { label: text.common.undo, run: () => void turn(changed, !enabled) });
    } catch (error) {
      complain(error);
    }
    reload();
  };
  return (row: View, enabled: boolean) => void turn(row, enabled);
}
