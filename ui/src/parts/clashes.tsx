/** What somebody else changed while a form stood open, beside what the form says: either is taken by a click. */
import { masked } from "../state/access";
import { type Clash, filled, unlike } from "../state/merging";
import { text } from "../text";
import { Value } from "./changes";
import { Icon } from "./icon";
import { reveal } from "./inside";

/** `fields` are what would be saved now; `onTake` gets them with one of them chosen anew. */
export function Clashes<Input extends object>({ clashes, fields, onTake }: { clashes: Clash[]; fields: Input; onTake: (fields: Input) => void }) {
  const words = text.forms.clash;
  if (clashes.length === 0) return null;
  return (
    <section class="hint warn">
      <Icon name="warn" />
      <div class="stack tight">
        <div role="alert" ref={reveal}>
          <strong>{text.common.outdated}</strong>
          <p>{words.lead}</p>
        </div>
        <div class="table-box plain">
          <table class="table changes clashes">
            <thead><tr><th scope="col">{text.audit.field}</th><th scope="col">{words.theirs}</th><th scope="col">{words.mine}</th></tr></thead>
            <tbody>
              {clashes.map(({ field, theirs, mine }) => {
                const now = fields[field as keyof Input];
                const own = unlike(now, theirs);
                const choice = (label: string, chosen: boolean, value: unknown) => (
                  <label class="check">
                    <input type="radio" name={field} aria-label={`${field}: ${label}`} checked={chosen} onChange={() => onTake({ ...fields, [field]: value })} />
                    <Value value={told(field, value)} />
                  </label>
                );
                return (
                  <tr key={field}>
                    <td><code>{field}</code></td>
                    <td data-whose={words.theirs}>{choice(words.theirs, !own, theirs)}</td>
                    <td data-whose={words.mine}>{choice(words.mine, own, own ? now : mine)}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      </div>
    </section>
  );
}

/** Without what is empty. Keys that were typed are nobody's to read, as those that came masked. */
function told(field: string, value: unknown): unknown {
  const full = filled(value);
  if (!Array.isArray(full)) return full;
  const parts = full.map((one) => (typeof one === "string" ? one : JSON.stringify(one)));
  return parts.map((part) => (field === "api_keys" && !part.includes("…") ? masked(part) : part)).join(", ");
}
