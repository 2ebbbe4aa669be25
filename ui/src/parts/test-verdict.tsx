/** What came of "Test connection" for a provider. */
import type { TestResult } from "../api/types";
import { count, duration } from "../format/numbers";
import { text } from "../text";
import { Icon } from "./icon";

export function TestVerdict({ result }: { result: TestResult }) {
  const facts = [duration(result.ms), result.models == null ? "" : text.providers.modelCount(count(result.models))].filter(Boolean);
  return (
    <div class={result.ok ? "hint" : "hint warn"} role="status">
      <Icon name={result.ok ? "check" : "warn"} />
      <div>
        {verdictText(result)}
        {facts.length > 0 && <span class="faint"> {facts.join(" · ")}</span>}
      </div>
    </div>
  );
}

export function verdictText(result: TestResult): string {
  if (result.ok) return text.providers.works;
  const message = result.error?.message;
  return typeof message === "string" ? message : text.providers.broken;
}
