"""Why a request would go where: every candidate with its state, without asking anybody. Called by the API."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.access.keys import Caller
from gateway.openai_api.call import Call
from gateway.openai_api.operations import Operation
from gateway.pipeline.choosing import choose, missing, needs
from gateway.pipeline.find import find_route
from gateway.providers.base import Provider
from gateway.providers.engines import EngineState
from gateway.routing.order import overflow, slow
from gateway.routing.resolve import check_type
from gateway.routing.types import Policy, Route, Target
from gateway.state import Snapshot, State


@dataclass(frozen=True, slots=True)
class Candidate:
    """One target. `rank` is its place in the order of this moment, None where it is left out; `reason` says why.

    `ready_in` is the seconds until it may be asked, `latency` the seconds to the first content lately, `speed` output
    tokens per second lately, `price` USD per 1 M tokens; None where unknown.
    """

    provider: str
    model: str
    priority: int
    weight: float
    price: float | None
    rank: int | None
    state: str
    reason: str
    ready_in: float | None
    in_flight: int
    calls: int
    failures: int
    latency: float | None
    speed: float | None
    last_error: str
    supports: list[str]
    lacks: list[str]
    signals: list[str]
    """What Chutes tells of a chute and its account, for people."""


def explain(
    model: str, operation: Operation, caller: Caller, snapshot: Snapshot, state: State, body: bytes = b"{}"
) -> tuple[Route, list[Candidate]]:
    """`body` is the request's, as far as it is known. Raises what the request itself would be refused with: unknown
    model, wrong type, not allowed, nothing that could do it."""
    route = find_route(model, operation, caller, snapshot)
    check_type(route, operation)
    call = Call(operation, model, "", 0.0, body=body)
    ordered = choose(route, call, snapshot, state)
    candidates = _candidates(route, ordered, call, snapshot, state)
    return route, sorted(candidates, key=lambda one: (one.rank is None, one.rank or 0))


def _candidates(
    route: Route, ordered: list[Target], call: Call, snapshot: Snapshot, state: State
) -> Iterator[Candidate]:
    now = time.monotonic()
    wanted = needs(call, route)
    for target in route.targets:
        vital = state.dispatcher.vitals[target]
        provider = snapshot.providers[target.provider_id]
        lacking = ", ".join(missing(target, wanted))
        reason = f"it cannot do what the request needs: {lacking}" if lacking else _obstacle(provider, call, state)
        ready_in = max(0.0, vital.ready_at(now) - now)
        standing = vital.state(now)
        yield Candidate(
            provider=target.provider_id,
            model=target.upstream_model,
            priority=target.priority,
            weight=target.weight,
            price=target.price,
            rank=None if reason or target not in ordered else ordered.index(target) + 1,
            state=standing,
            reason=reason or _told(_standing(target, route, snapshot, state, now), target, state),
            ready_in=round(ready_in, 2),
            in_flight=vital.in_flight,
            calls=vital.calls,
            failures=vital.failures,
            latency=vital.latency,
            speed=vital.speed,
            last_error=vital.last_error,
            supports=sorted(target.supports),
            lacks=sorted(target.lacks),
            signals=state.dispatcher.vitals.signals.facts(target),
        )


def _standing(target: Target, route: Route, snapshot: Snapshot, state: State, now: float) -> str:
    """Why a target that may be asked stands where it stands."""
    vitals = state.dispatcher.vitals
    vital, check = vitals[target], vitals.checks.get(target.provider_id)
    if vital.ready_at(now) > now:
        checked = check is not None and check.closed_until > now
        return f"{vital.state(now)} after {vital.last_error}{' (health check)' if checked else ''}"
    if full := overflow(target, route.spill, snapshot.providers, vitals, now):
        return f"spills: {full}"
    if vitals.signals.cold(target):
        return "cold: behind what is warm"
    if short := vitals.signals.short(target):
        return f"nearly used: {', '.join(window.name for window in short)}"
    if route.policy is Policy.CHEAPEST_NOW and slow(target, route, vitals):
        return "much slower than the best"
    if (load := vitals.signals.load(target)) is not None and load.crowded:
        return "crowded at Chutes"
    return "ready"


def _told(standing: str, target: Target, state: State) -> str:
    facts = state.dispatcher.vitals.signals.facts(target)
    return f"{standing} ({'; '.join(facts)})" if facts else standing


def _obstacle(provider: Provider, call: Call, state: State) -> str:
    """Why this target would not be asked at all; empty where nothing is in the way."""
    if not provider.enabled:
        return "its provider is disabled"
    if not state.dispatcher.can(provider, call.operation):
        return f"its provider has no {call.operation.path}"
    engine = state.engines.status(provider.id)
    if engine is not None and engine.state != EngineState.READY:
        return f"its engine is {engine.state} ({engine.error or engine.phase})"
    return ""
