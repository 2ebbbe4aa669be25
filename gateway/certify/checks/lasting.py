"""What shows only over several requests: flapping (S15) and accounting (S16)."""

import asyncio
import math
import time

from gateway.certify.behaviours import Flapping, refuse
from gateway.certify.client import Answer
from gateway.certify.demands import demand, demand_from, demand_whole
from gateway.certify.stand import Stand

_SPELLS = (6.0, 7.5, 6.0, 7.5, 6.0, 7.5, 6.0, 7.5, 6.0)
_QUICK_SPELLS = (5.0, 5.0, 5.0)
"""Seconds of illness, health, illness …"""
_BETWEEN = 0.2
"""Seconds between requests."""
_BACK_WITHIN = 30.0
_SETTLED = 3
"""So many answers of the primary in a row: it is trusted again."""
_SETTLED_WITHIN = 45.0


async def flapping(stand: Stand) -> str:
    ill = Flapping(_QUICK_SPELLS if stand.quick else _SPELLS, refuse(503, "unavailable", "No capacity."))
    stand.primary.behaviour = ill
    served = [await _served(stand)]
    while time.monotonic() < ill.ended_at:
        served.append(await _served(stand))
    back, settled = await _back_on_primary(stand, ill.ended_at)
    by_primary = sum(answer.model == stand.primary.name for answer in served)
    slowest = max(answer.seconds for answer in served)
    return (
        f"{len(served)} of {len(served)} served while flapping ({by_primary} by the primary), "
        f"slowest {slowest:.2f} s; back on the primary after {back:.1f} s, for good after {settled:.1f} s"
    )


async def accounting(stand: Stand) -> str:
    stand.primary.behaviour = refuse(500, "server_error", "Internal error.")
    for stream in (True, False):
        answer = await stand.ask(stream=stream)
        demand_whole(answer)
        demand_from(answer, stand.fallback.name)
        provider = answer.headers.get("x-gateway-provider", "none")
        demand(provider == "fallback", "x-gateway-provider fallback", provider)
        demand(answer.body_model == stand.fallback.name, f"'model' {stand.fallback.name}", answer.body_model)
        expected = stand.fallback.asked[-1].usage
        demand(answer.usage == expected, f"the fallback's usage {expected}", answer.usage)
    return f"model and usage are those of {answer.model}, streamed and whole"


async def _served(stand: Stand) -> Answer:
    answer = await stand.ask()
    demand_whole(answer)
    await asyncio.sleep(_BETWEEN)
    return answer


async def _back_on_primary(stand: Stand, well_since: float) -> tuple[float, float]:
    """Seconds until the first answer of the primary, and until it gave several in a row."""
    first = math.inf
    in_a_row = 0
    while in_a_row < _SETTLED:
        answer = await _served(stand)
        waited = time.monotonic() - well_since
        if answer.model == stand.primary.name:
            first, in_a_row = min(first, waited), in_a_row + 1
        else:
            in_a_row = 0
        back = min(first, waited)
        demand(back <= _BACK_WITHIN, f"the primary back within {_BACK_WITHIN:g} s of recovery", answer.attempts)
        settled = f"{_SETTLED} answers in a row of the primary within {_SETTLED_WITHIN:g} s"
        demand(waited <= _SETTLED_WITHIN, settled, answer.attempts)
    return first, waited
