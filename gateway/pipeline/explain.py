"""Why a request would go where: every candidate with its state, without asking anybody. Called by the API."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.access.keys import Caller
from gateway.errors import GatewayError
from gateway.openai_api.call import Call
from gateway.openai_api.confidentiality import Rule
from gateway.openai_api.features import Feature
from gateway.openai_api.operations import CHAT, Operation
from gateway.pipeline.choosing import choose, is_drained, missing, needs
from gateway.pipeline.confidential import confined, forbidden, rule_for
from gateway.pipeline.find import find_route
from gateway.pipeline.images import find_chat_images
from gateway.pipeline.token_bounds import bound_tokens
from gateway.providers.base import Provider
from gateway.providers.engines import EngineState
from gateway.routing.order import overflow, score, slow
from gateway.routing.resolve import check_targets, check_type
from gateway.routing.signals import Signals
from gateway.routing.tries import Tries
from gateway.routing.types import Policy, Route, Target
from gateway.state import Snapshot, State


@dataclass(frozen=True, slots=True)
class Live:
    """What Chutes tells of a chute, as it counts for routing; None where nobody knows. Shares are 0 to 1, `ttft` and
    the ages in seconds: `load_age` of the first four, `speed_age` of the last two."""

    hot: bool | None
    instances: int | None
    utilization: float | None
    turned_away: float | None
    load_age: float | None
    ttft: float | None
    tps: float | None
    speed_age: float | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One target. `rank` is its place in the order of this moment, None where it is left out; `reason` says why.
    `taken` is the one that would be asked first: the first of the order that does not rest.

    `ready_in` is the seconds until it may be asked, `latency` the seconds to the first content lately, `speed` output
    tokens per second lately, `price` USD per 1 M tokens; None where unknown. `score` is what the policy compares
    within a priority, `scored` says what that is.
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
    drained: bool
    score: float | None
    scored: str
    live: Live | None
    """None for what is no chute of Chutes."""
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """`refusal` is the error that the request would get although its route is known."""

    route: Route
    candidates: list[Candidate]
    refusal: GatewayError | None = None
    rule: Rule | None = None
    """What is demanded of whoever is asked."""


def explain(
    model: str,
    operation: Operation,
    caller: Caller,
    snapshot: Snapshot,
    state: State,
    body: bytes = b"{}",
    rule: Rule | None = None,
) -> Explanation:
    """`body` is the request's, as far as it is known, `rule` what the caller itself demands. Raises what the request
    itself would be refused with before it has a route: unknown model, not allowed."""
    route = find_route(model, operation, caller, snapshot)
    call = Call(operation, model, "", 0.0, body=body, rule=rule)
    call.rule = rule = rule_for(call, route, caller, snapshot)
    forbids = forbidden(rule, route, snapshot, state) if rule else {}
    ordered: list[Target] = []
    refusal: GatewayError | None = None
    try:
        call = _checked(call, route, snapshot, state)
        allowed = confined(rule, route, model, snapshot, state, Tries()) if rule else route
        ordered = choose(allowed, call, snapshot, state)
    except GatewayError as error:
        refusal = error
    candidates = sorted(
        _candidates(route, ordered, forbids, call, snapshot, state), key=lambda one: (one.rank is None, one.rank or 0)
    )
    return Explanation(route, _with_taken(candidates), refusal, rule)


def _checked(call: Call, route: Route, snapshot: Snapshot, state: State) -> Call:
    """As `handle` does it, in the same order. Raises what the request would be refused with."""
    check_type(route, call.operation)
    check_targets(route, snapshot.providers)
    call = bound_tokens(call, route)
    if call.operation is CHAT:
        find_chat_images(call, route, state.media)
    return call


def _with_taken(candidates: list[Candidate]) -> list[Candidate]:
    """The first that may be asked now, else the one that may be soonest."""
    ranked = [one for one in candidates if one.rank is not None]
    if not ranked:
        return candidates
    taken = min(ranked, key=lambda one: one.ready_in or 0.0)
    return [replace(one, taken=True) if one is taken else one for one in candidates]


def _candidates(
    route: Route,
    ordered: list[Target],
    forbids: Mapping[Target, str],
    call: Call,
    snapshot: Snapshot,
    state: State,
) -> Iterator[Candidate]:
    now, vitals = time.monotonic(), state.dispatcher.vitals
    wanted = needs(call, route)
    for target in route.targets:
        vital = vitals[target]
        refused = f"not under {call.rule}: {forbids[target]}" if target in forbids else ""
        reason = refused or _obstacle(target, missing(target, wanted), call, snapshot, state)
        scored, figure = score(target, route, vitals)
        yield Candidate(
            provider=target.provider_id,
            model=target.upstream_model,
            priority=target.priority,
            weight=target.weight,
            price=target.price,
            rank=None if reason or target not in ordered else ordered.index(target) + 1,
            state=vital.state(now),
            reason=reason or _told(_standing(target, route, snapshot, state, now), target, state),
            ready_in=round(max(0.0, vital.ready_at(now) - now), 2),
            in_flight=vital.in_flight,
            calls=vital.calls,
            failures=vital.failures,
            latency=vital.latency,
            speed=vital.speed,
            last_error=vital.last_error,
            supports=sorted(target.supports),
            lacks=sorted(target.lacks),
            signals=vitals.signals.facts(target),
            drained=is_drained(target, snapshot),
            score=figure,
            scored=scored,
            live=_live(target, vitals.signals),
        )


def _live(target: Target, signals: Signals) -> Live | None:
    if target.provider_id not in signals.watched:
        return None
    load, speed, now = signals.load(target), signals.speed(target), signals.clock()
    return Live(
        hot=signals.hot(target),
        instances=load.instances if load else None,
        utilization=load.utilization if load else None,
        turned_away=load.limited if load else None,
        load_age=round(now - load.at, 1) if load else None,
        ttft=speed.ttft if speed else None,
        tps=speed.tps if speed else None,
        speed_age=round(now - speed.at, 1) if speed else None,
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


def _obstacle(target: Target, lacking: Sequence[Feature], call: Call, snapshot: Snapshot, state: State) -> str:
    """Why this target would not be asked at all; empty where nothing is in the way."""
    if lacking:
        return f"it cannot do what the request needs: {', '.join(lacking)}"
    if is_drained(target, snapshot):
        return "it is drained: it takes no new requests"
    provider: Provider = snapshot.providers[target.provider_id]
    if not provider.enabled:
        return "its provider is disabled"
    if not state.dispatcher.can(provider, call.operation):
        return f"its provider has no {call.operation.path}"
    engine = state.engines.status(provider.id)
    if engine is not None and engine.state != EngineState.READY:
        return f"its engine is {engine.state} ({engine.error or engine.phase})"
    return ""
