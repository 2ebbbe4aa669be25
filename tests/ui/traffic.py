"""A made-up week of requests, as usage rows, for pictures and tests of what is reckoned from them."""

import random
import time

from gateway.usage.types import Tried, UsageRow

DAYS = 7
ROWS = 3000


def history() -> list[UsageRow]:
    """Rows of the last week: more by day than by night, some failures, some second tries."""
    chance, now = random.Random(7), time.time()
    return [_row(chance, n, now) for n in range(ROWS)]


def _row(chance: random.Random, n: int, now: float) -> UsageRow:
    at = now - chance.random() ** 1.3 * DAYS * 86_400
    if 0 < (at / 3600) % 24 < 7 and chance.random() < 0.7:
        at += 7 * 3600 * (at + 7 * 3600 < now)
    model = chance.choice(["gpt-4o-mini", "gpt-4o-mini", "llama-3.3-70b", "safe", "mistral-small"])
    again, failed = chance.random() < 0.06, chance.random() < 0.012
    ttft = chance.lognormvariate(5.6, 0.4)
    tokens = int(chance.lognormvariate(5, 0.8))
    total = ttft + tokens * chance.uniform(7, 13)
    answer = Tried("spare" if again else "main", model, "503" if failed else "200", ttft, 120 if again else 0.3)
    return UsageRow(
        request_id=f"req-{n:08x}", at=at, operation="chat.completions", model=model, route=model,
        status=503 if failed else 200, error_code="upstream_unavailable" if failed else "", key_id="master",
        key_name=chance.choice(["master", "website", "nightly reports"]), provider_id=answer.provider_id,
        upstream_model=model,
        attempts=(Tried("main", model, "upstream_server_error", 118, 0.3), answer) if again else (answer,),
        stream=True, input_tokens=int(chance.lognormvariate(6, 0.9)), output_tokens=tokens,
        cached_tokens=int(chance.random() * 200), cost_nanos=tokens * 600 + 90_000, latency_ms=total, ttft_ms=ttft,
        overhead_ms=chance.uniform(0.2, 0.6), cached=chance.random() < 0.04,
    )  # fmt: skip
