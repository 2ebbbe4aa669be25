"""Whether a local engine is so full that calls go elsewhere first. Pure: measurements in, a reason out."""

from collections.abc import Iterator

from gateway.routing.types import Spill
from gateway.routing.vitals import EngineLoad, Vital

BACK = 0.75
"""Of a limit: what an engine must fall below before calls come back to it, so that they do not flap."""
FRESH = 15.0
"""Seconds for which what an engine said of itself counts."""


def too_full(spill: Spill, vital: Vital, load: EngineLoad | None, now: float) -> str:
    """The limit that was reached, in words; empty where there is room. Remembers in the vital that it was reached,
    since then it must fall below three quarters of it first."""
    share = BACK if spill in vital.spilled else 1.0
    for value, limit, name in _measures(spill, vital, load, now):
        if value >= limit * share:
            vital.spilled |= {spill}
            return f"{value:g} {name}, the limit is {limit:g} (back below {limit * BACK:g})"
    if share == BACK:
        vital.spilled -= {spill}
    return ""


def _measures(spill: Spill, vital: Vital, load: EngineLoad | None, now: float) -> Iterator[tuple[float, float, str]]:
    if spill.in_flight is not None:
        yield vital.in_flight, spill.in_flight, "calls in flight"
    if load is None or now - load.at > FRESH:
        return
    if spill.waiting is not None:
        yield load.waiting, spill.waiting, "calls waiting in the engine"
    if spill.memory is not None and load.memory is not None:
        yield load.memory, spill.memory, "of the cache in use"
