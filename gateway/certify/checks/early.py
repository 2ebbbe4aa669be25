"""Failures before the first content, when another target can still take over unnoticed: S01 to S07, S12 and S13."""

import asyncio
import time

from gateway.certify.behaviours import late, refuse, reset, silent
from gateway.certify.demands import demand, demand_from, demand_whole, demand_within
from gateway.certify.stand import Stand

_PROMPT = 5.0
"""Seconds in which an answer must be whole, beyond a timeout that had to pass."""
_RETRY_AFTER = 2
_SILENT_START = 20.0
_TOO_LONG = "This model's maximum context length is 8192 tokens. However, you requested 90000 tokens."
_FILTERED = "The response was filtered due to the prompt triggering the content management policy."


async def limited_once(stand: Stand) -> str:
    stand.primary.next.append(refuse(429, "rate_limit_exceeded", "Slow down.", retry_after=_RETRY_AFTER))
    answers = [await stand.ask()]
    noted_by = time.monotonic()
    answers.append(await stand.ask())
    for answer in answers:
        demand_whole(answer)
    pause_ends = stand.primary.asked[0].at + _RETRY_AFTER
    early = sum(question.at < pause_ends for question in stand.primary.asked[1:])
    demand(not early, f"the primary to be left alone for its Retry-After of {_RETRY_AFTER} s", f"{early} early calls")
    await asyncio.sleep(noted_by + _RETRY_AFTER + 0.1 - time.monotonic())
    answer = await stand.ask()
    demand_whole(answer)
    demand_from(answer, stand.primary.name)
    return f"served by {answers[0].model} in {answers[0].seconds:.2f} s, after the pause by the primary"


async def limited_for_ever(stand: Stand) -> str:
    stand.primary.behaviour = refuse(429, "rate_limit_exceeded", "Slow down.")
    return await _served_by_fallback(stand, requests=3)


async def failed_once(stand: Stand) -> str:
    stand.primary.next.append(refuse(500, "server_error", "Internal error."))
    first, second = await stand.ask(), await stand.ask()
    demand_whole(first)
    demand_within(first, _PROMPT)
    demand_whole(second)
    demand_from(second, stand.primary.name)
    return f"served by {first.model} in {first.seconds:.2f} s, the next one by the primary"


async def unavailable_for_ever(stand: Stand) -> str:
    stand.primary.behaviour = refuse(503, "unavailable", "No capacity.")
    requests = 12
    seen = await _served_by_fallback(stand, requests)
    asked = len(stand.primary.asked)
    demand(asked < requests, "the primary to be left alone after a while", f"{asked} calls for {requests} requests")
    return seen


async def reset_for_ever(stand: Stand) -> str:
    stand.primary.behaviour = reset
    return await _served_by_fallback(stand, requests=3)


async def no_response(stand: Stand) -> str:
    stand.primary.behaviour = silent
    answer = await stand.ask()
    demand_whole(answer)
    demand_from(answer, stand.fallback.name)
    demand_within(answer, (stand.settings.first_token_timeout or 0) + _PROMPT)
    asked = len(stand.primary.asked)
    demand(asked == 1, "one call to the silent target", f"{asked} calls")
    return f"served by the fallback in {answer.seconds:.2f} s, the silent one asked once"


async def late_first_token(stand: Stand) -> str:
    stand.primary.behaviour = late(_SILENT_START)
    answer = await stand.ask()
    demand_whole(answer)
    demand_within(answer, 15)
    return f"served by {answer.model} in {answer.seconds:.2f} s"


async def too_long(stand: Stand) -> str:
    stand.primary.behaviour = refuse(400, "context_length_exceeded", _TOO_LONG)
    answer = await stand.ask()
    demand_whole(answer)
    demand_from(answer, stand.large.name)
    demand_within(answer, _PROMPT)
    return f"served by the larger model in {answer.seconds:.2f} s"


async def filtered(stand: Stand) -> str:
    stand.primary.behaviour = refuse(400, "content_filter", _FILTERED)
    answer = await stand.ask()
    error = answer.error or {}
    as_it_is = answer.status == 400 and error.get("code") == "content_filter" and error.get("message") == _FILTERED
    demand(as_it_is, "status 400, code content_filter and the provider's words", answer)
    asked = (len(stand.primary.asked), len(stand.fallback.asked))
    demand(asked == (1, 0), "one call to the primary, none to the fallback", f"{asked[0]} and {asked[1]}")
    return f"propagated in {answer.seconds:.2f} s, nobody else asked"


async def _served_by_fallback(stand: Stand, requests: int) -> str:
    slowest = 0.0
    for _ in range(requests):
        answer = await stand.ask()
        demand_whole(answer)
        demand_from(answer, stand.fallback.name)
        demand_within(answer, _PROMPT)
        slowest = max(slowest, answer.seconds)
    asked, most = len(stand.primary.asked), requests * (1 + stand.retries)
    demand(asked <= most, f"at most {most} calls to the primary", f"{asked} calls")
    return f"{requests} of {requests} served by the fallback, slowest {slowest:.2f} s, primary asked {asked} times"
