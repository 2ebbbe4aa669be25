/** The attempts of a request as bars in time: who was asked when, for how long, and what came of it. */
import type { Attempt, RequestDetail } from "../../api/types";
import { duration } from "../../format/numbers";
import { Status } from "../../parts/badge";
import { text } from "../../text";

export function Timeline({ request }: { request: RequestDetail }) {
  const words = text.requests.detail;
  const whole = Math.max(request.latency_ms, ...request.attempts.map((one) => one.started_ms + one.ms), 1);
  if (request.attempts.length === 0) return <p class="muted">{words.none}</p>;
  return (
    <ol class="timeline">
      {request.attempts.map((attempt, n) => (
        <li key={n}>
          <div class="row spread nowrap">
            <code class="truncate" title={`${attempt.provider_id}/${attempt.upstream_model}`}>{attempt.provider_id}/{attempt.upstream_model}</code>
            <Status tone={attempt.outcome === "200" ? "ok" : "bad"}>{attempt.outcome === "200" ? words.answered : attempt.outcome}</Status>
          </div>
          <Bar attempt={attempt} whole={whole} first={request.ttft_ms} answered={attempt.outcome === "200"} />
          <div class="row spread nowrap faint">
            <span>{attempt.started_ms >= 1 ? words.waited(duration(attempt.started_ms)) : ""}</span>
            <span class="numeric">{duration(attempt.ms)}{n < request.attempts.length - 1 && attempt.outcome !== "200" ? `, ${words.next}` : ""}</span>
          </div>
        </li>
      ))}
    </ol>
  );
}

function Bar({ attempt, whole, first, answered }: { attempt: Attempt; whole: number; first: number | null | undefined; answered: boolean }) {
  const share = (ms: number) => `${((ms / whole) * 100).toFixed(2)}%`;
  const rest = answered ? Math.max(0, whole - attempt.started_ms - attempt.ms) : 0;
  return (
    <div class="lane" aria-hidden="true">
      <i class={answered ? "ok" : "bad"} style={{ left: share(attempt.started_ms), width: share(Math.max(attempt.ms, whole / 250)) }} />
      {answered && rest > 0 && <i class="rest" style={{ left: share(attempt.started_ms + attempt.ms), width: share(rest) }} />}
      {answered && first != null && <b style={{ left: share(Math.min(first, whole)) }} title={text.requests.columns.ttft} />}
    </div>
  );
}
