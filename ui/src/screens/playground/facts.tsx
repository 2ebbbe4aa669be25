/** The line under every answer: how fast, how much, how dear, and by whom. */
import type { RouteFacts, Usage } from "../../api/inference";
import { count, decimal, dollars, duration } from "../../format/numbers";
import { useCost } from "../../state/cost";
import { text } from "../../text";

interface AnswerFacts {
  ttft?: number | null;
  total: number | null;
  usage: Usage | null;
  route: RouteFacts | null;
  cost?: number | null;
  /** Length of the sound that was made or read. */
  seconds?: number | undefined;
}

export function Facts({ ttft, total, usage, route, cost, seconds }: AnswerFacts) {
  const words = text.playground.facts;
  const written = usage?.completion_tokens;
  const writing = total !== null ? total - (ttft ?? 0) : null;
  const speed = written && writing && writing > 0 && ttft != null ? written / (writing / 1000) : null;
  const cached = usage?.prompt_tokens_details?.cached_tokens;
  const told = useCost(route?.requestId ?? null);
  const paid = cost ?? usage?.cost ?? told;
  return (
    <dl class="answer-facts">
      {ttft != null && <Fact name={words.ttft} value={duration(ttft)} />}
      {speed !== null && <Fact name={words.speed} value={words.tokensPerSecond(decimal(speed, speed < 10 ? 1 : 0))} />}
      {usage && <Fact name={words.tokens} value={words.inOut(count(usage.prompt_tokens), count(written ?? 0)) + (cached ? ` · ${count(cached)} ${words.cached}` : "")} />}
      {seconds !== undefined && <Fact name={words.length} value={`${decimal(seconds)} s`} />}
      {seconds !== undefined && total !== null && total > 0 && <Fact name={words.speed} value={words.realTime(decimal(seconds / (total / 1000)))} />}
      {total !== null && <Fact name={words.total} value={duration(total)} />}
      {paid != null && <Fact name={words.cost} value={dollars(paid)} />}
      {route?.provider && <Fact name={words.route} value={route.provider + (route.attempts.length > 1 ? ` · ${words.attempts(route.attempts.length)}` : "")} title={route.attempts.join("\n")} />}
    </dl>
  );
}

function Fact({ name, value, title }: { name: string; value: string; title?: string }) {
  return (
    <div title={title}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
