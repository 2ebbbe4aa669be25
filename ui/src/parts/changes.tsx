/** Fields before and after a change. */
import { text } from "../text";

export function Changes({ changes }: { changes: Record<string, unknown> }) {
  const words = text.audit;
  const entries = Object.entries(changes);
  if (entries.length === 0) return <p class="muted">{words.noFields}</p>;
  return (
    <div class="table-box plain" tabIndex={0} role="region" aria-label={words.entry}>
      <table class="table changes">
        <thead><tr><th scope="col">{words.field}</th><th scope="col">{words.before}</th><th scope="col">{words.after}</th></tr></thead>
        <tbody>
          {entries.map(([field, pair]) => {
            const [before, after] = Array.isArray(pair) ? (pair as unknown[]) : [undefined, pair];
            return (
              <tr key={field}>
                <td><code>{field}</code></td>
                <td class="was"><Value value={before} /></td>
                <td class="is"><Value value={after} /></td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

export function Value({ value }: { value: unknown }) {
  if (value === null || value === undefined || value === "") return <span class="faint">–</span>;
  if (typeof value === "boolean") return <>{value ? text.settings.on : text.settings.off}</>;
  return <code>{typeof value === "object" ? JSON.stringify(value) : String(value)}</code>;
}
