/** What a key, a user or everybody spent of the budget, and beginning anew. */
import { useState } from "preact/hooks";
import { ask } from "../../api/client";
import { dollars } from "../../format/numbers";
import { Button } from "../../parts/button";
import { Confirm } from "../../parts/dialog";
import { Time } from "../../parts/time";
import { complain, say } from "../../state/toasts";
import { text } from "../../text";
import { Budget } from "./columns";

interface Spender {
  id: string;
  is_master?: boolean;
  budget_usd?: number | null;
  budget_period?: string;
  spent_usd?: number | null;
  spent_reset_at?: string | null;
}

interface SpentProps {
  resource: "apikeys" | "users" | "settings";
  of: Spender;
  name: string;
  onReset: () => void;
}

export function Spent({ resource, of, name, onReset }: SpentProps) {
  const words = text.keys.reset;
  const [asks, setAsks] = useState(false);
  const [busy, setBusy] = useState(false);
  if (of.budget_usd == null && !of.spent_usd) return null;
  const reset = async () => {
    setBusy(true);
    try {
      await ask(`/api/admin/${resource}/${encodeURIComponent(of.id)}/reset-spend`, { method: "POST" });
      say(words.done(name));
      onReset();
    } catch (error) {
      complain(error);
    }
    setBusy(false);
  };
  return (
    <div class="row">
      <span class="muted">{text.forms.spent}</span>
      <Budget row={of} />
      {of.spent_reset_at && <small class="faint">{words.last} <Time at={of.spent_reset_at} /></small>}
      <span class="grow" />
      {!of.is_master && <Button size="small" icon="refresh" onClick={() => setAsks(true)}>{words.ask}</Button>}
      {asks && (
        <Confirm title={words.title(name)} action={words.action} busy={busy} onConfirm={() => void reset()} onClose={() => setAsks(false)}>
          <p>{words.lead(dollars(of.spent_usd ?? 0))}</p>
          <p class="muted">{words.stays}</p>
        </Confirm>
      )}
    </div>
  );
}
