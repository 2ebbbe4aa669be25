"""Streams that break after their first content: S08 to S11 and S14."""

from gateway.certify.behaviours import cut, malformed, never_done, refuse_prefill, stall
from gateway.certify.client import Answer
from gateway.certify.demands import demand, demand_whole, demand_within
from gateway.certify.stand import Stand

_CUT_AFTER = 40
_STALL = 30.0
_CLOSED_WITHIN = 8.0


async def cut_short(stand: Stand) -> str:
    stand.primary.behaviour = cut(_CUT_AFTER)
    answer = await stand.ask()
    demand(answer.seamless, "all 60 tokens in order, none repeated, ending with [DONE]", answer)
    return _how(stand, answer)


async def stalled(stand: Stand) -> str:
    stand.primary.behaviour = stall(_CUT_AFTER, _STALL)
    answer = await stand.ask()
    demand_whole(answer)
    demand(answer.seconds < _STALL, "an answer before the stall of 30 s ends", _waited(stand, answer))
    return _how(stand, answer)


async def garbled(stand: Stand) -> str:
    stand.primary.behaviour = malformed(_CUT_AFTER)
    answer = await stand.ask()
    demand(not answer.garbage, "no malformed chunk to reach the client", answer)
    demand_whole(answer)
    return _how(stand, answer)


async def without_done(stand: Stand) -> str:
    slowest = 0.0
    for closes in (True, False):
        stand.primary.next.append(never_done(closes=closes))
        answer = await stand.ask()
        demand_whole(answer)
        demand_within(answer, _CLOSED_WITHIN)
        expected = stand.primary.asked[-1].usage
        demand(answer.usage == expected, f"the usage {expected}", answer.usage)
        slowest = max(slowest, answer.seconds)
    return f"ended with [DONE] and usage, slowest {slowest:.2f} s (connection left open)"


async def prefill_refused(stand: Stand) -> str:
    stand.primary.behaviour = cut(_CUT_AFTER)
    stand.fallback.behaviour = refuse_prefill
    answer = await stand.ask()
    demand_whole(answer)
    return _how(stand, answer)


def _how(stand: Stand, answer: Answer) -> str:
    if answer.restarts:
        return f"begun anew, marked as a restart, whole in {answer.seconds:.2f} s"
    by = "the fallback" if stand.fallback.asked else answer.model
    return f"continued by {by}, nothing repeated, whole in {answer.seconds:.2f} s"


def _waited(stand: Stand, answer: Answer) -> str:
    idle = stand.settings.stream_idle_timeout
    return f"{answer.seconds:.2f} s: STREAM_IDLE_TIMEOUT is {idle:g} s, so the stall was waited out"
