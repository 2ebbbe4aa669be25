"""Why a request would go where: every candidate with its state, without asking anybody. Called by the API."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.access.keys import Caller
from gateway.openai_api.operations import Operation
from gateway.pipeline.find import find_route
from gateway.providers.base import Provider
from gateway.providers.engines import EngineState
from gateway.routing.order import order
from gateway.routing.resolve import check_type
from gateway.routing.types import Route, Target
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


def explain(
    model: str, operation: Operation, caller: Caller, snapshot: Snapshot, state: State
) -> tuple[Route, list[Candidate]]:
    """Raises what the request itself would be refused with: unknown model, wrong type, not allowed."""
    route = find_route(model, operation, caller, snapshot)
    check_type(route, operation)
    dispatcher = state.dispatcher
    ordered = order(route, snapshot.providers, dispatcher.vitals, dispatcher.random)
    candidates = _candidates(route, ordered, operation, snapshot, state)
    return route, sorted(candidates, key=lambda one: (one.rank is None, one.rank or 0))


def _candidates(
    route: Route, ordered: list[Target], operation: Operation, snapshot: Snapshot, state: State
) -> Iterator[Candidate]:
    now = time.monotonic()
    for target in route.targets:
        vital = state.dispatcher.vitals[target]
        provider = snapshot.providers[target.provider_id]
        reason = _obstacle(provider, operation, state)
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
            reason=reason or (f"{standing} after {vital.last_error}" if ready_in else "ready"),
            ready_in=round(ready_in, 2),
            in_flight=vital.in_flight,
            calls=vital.calls,
            failures=vital.failures,
            latency=vital.latency,
            speed=vital.speed,
            last_error=vital.last_error,
        )


def _obstacle(provider: Provider, operation: Operation, state: State) -> str:
    """Why this target would not be asked at all; empty where nothing is in the way."""
    if not provider.enabled:
        return "its provider is disabled"
    if not state.dispatcher.can(provider, operation):
        return f"its provider has no {operation.path}"
    engine = state.engines.status(provider.id)
    if engine is not None and engine.state != EngineState.READY:
        return f"its engine is {engine.state} ({engine.error or engine.phase})"
    return ""
