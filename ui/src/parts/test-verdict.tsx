/** What came of "Test connection" for a provider. */
import type { TestResult } from "../api/providers";
import { duration } from "../format/numbers";
import { text } from "../text";
import { Icon } from "./icon";

export function TestVerdict({ result }: { result: TestResult }) {
  const facts = [result.ms === null ? "" : duration(result.ms), result.models === null ? "" : text.providers.modelCount(result.models)].filter(Boolean);
  return (
    <div class={result.ok ? "hint" : "hint warn"} role="status">
      <Icon name={result.ok ? "check" : "warn"} />
      <div>
        {result.message}
        {facts.length > 0 && <span class="faint"> {facts.join(" · ")}</span>}
      </div>
    </div>
  );
}
