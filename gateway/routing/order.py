"""The order in which a route's targets are tried. Pure but for the random source and the clock passed in."""

import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from itertools import groupby
from random import Random

from gateway.providers.base import Provider, ProviderType
from gateway.routing.signals import Signals
from gateway.routing.spill import too_full
from gateway.routing.types import Policy, Route, Spill, Target
from gateway.routing.vitals import Vitals

_EXPLORED = 0.05
"""Share of calls that ignore what was measured, so that a target that was slow once is measured again."""
_MUCH_SLOWER = 3.0
"""Times the latency of the best: what is no bargain however cheap."""
_NOTICED = 0.05
"""Seconds. Whoever is slower by less is not slower: of milliseconds, chance alone makes thrice as many."""
_FEW = 5
"""Calls under which our own measurements of a chute count less than what Chutes tells of it."""
_THRIFTY = frozenset({Policy.CHEAPEST, Policy.CHEAPEST_NOW, Policy.LOCAL_FIRST, Policy.REMOTE_FIRST})
"""The policies under which a cap that is nearly used matters."""


def order(
    route: Route,
    providers: Mapping[str, Provider],
    vitals: Vitals,
    random: Random,
    session: str = "",
    clock: Callable[[], float] = time.monotonic,
) -> list[Target]:
    """Usable targets, best first, whether or not they may be asked at this moment. Within a priority the calls of one
    `session` keep their order of targets, whatever was measured. Engines that are too full come last."""
    usable = [t for t in route.targets if (p := providers.get(t.provider_id)) is not None and p.enabled]
    if len(usable) < 2:
        return usable

    def tier(target: Target) -> tuple[bool, int]:
        return _tier(target, route.policy, providers)

    groups = [list(group) for _, group in groupby(sorted(usable, key=tier), key=tier)]
    if session:
        ordered = [t for group in groups for t in _drawn(group, lambda target: _share(session, target))]
    elif route.policy is Policy.CHEAPEST_NOW:
        now = clock()
        ordered = [t for group in groups for t in _bargains(group, route, providers, vitals, random, now)]
    else:
        drawn = [_drawn(group, lambda _: random.random()) for group in groups]
        ordered = [t for group in drawn for t in _arranged(route.policy, group, providers, vitals, random)]
    if route.spill is not None:
        ordered = _spilled(ordered, route.spill, providers, vitals, clock())
    return _signalled(ordered, route.policy, vitals.signals) if vitals.signals.watched else ordered


def displaced(
    ordered: Sequence[Target], route: Route, providers: Mapping[str, Provider], vitals: Vitals
) -> list[Target]:
    """The cold targets that would be asked first, or might be, were they hot."""
    signals = vitals.signals
    if not signals.watched or not ordered:
        return []
    first = _tier(ordered[0], route.policy, providers)
    return [t for t in ordered if signals.cold(t) and _tier(t, route.policy, providers) <= first]


def _tier(target: Target, policy: Policy, providers: Mapping[str, Provider]) -> tuple[bool, int]:
    """Targets of a lower one come before all of a higher one."""
    local = providers[target.provider_id].type is ProviderType.LOCAL
    match policy:
        case Policy.LOCAL_FIRST:
            return (not local, target.priority)
        case Policy.REMOTE_FIRST:
            return (local, target.priority)
        case Policy.WEIGHTED:
            return (False, 0)
        case _:
            return (False, target.priority)


def _signalled(ordered: list[Target], policy: Policy, signals: Signals) -> list[Target]:
    """What an account can hardly pay any more comes behind the rest, and what is cold behind everything."""
    if policy in _THRIFTY:
        ordered = sorted(ordered, key=lambda target: bool(signals.short(target)))
    return sorted(ordered, key=signals.cold)


def overflow(target: Target, spill: Spill | None, providers: Mapping[str, Provider], vitals: Vitals, now: float) -> str:
    """Why calls for this engine go elsewhere first, in words; empty where they need not, and for what is no engine."""
    if spill is None or providers[target.provider_id].type is not ProviderType.LOCAL:
        return ""
    return too_full(spill, vitals[target], vitals.loads.get(target.provider_id), now)


def score(target: Target, route: Route, vitals: Vitals) -> tuple[str, float | None]:
    """What the route's policy compares within a priority, with its unit, for people; None where it is not known."""
    match route.policy:
        case Policy.LEAST_BUSY:
            return "calls in flight by weight", vitals[target].in_flight / target.weight
        case Policy.CHEAPEST | Policy.CHEAPEST_NOW:
            return "USD per 1 M tokens", target.price
        case Policy.LOWEST_LATENCY:
            return "seconds to first content", _latency(target, vitals) or None
        case Policy.HIGHEST_THROUGHPUT:
            slowness = _slowness(target, vitals)
            return "tokens per second", None if slowness == float("-inf") else -slowness
        case _:
            return "weight", target.weight


def slow(target: Target, route: Route, vitals: Vitals) -> bool:
    """Much slower than the best of its priority."""
    group = (vitals[other].latency for other in route.targets if other.priority == target.priority)
    measured = [latency for latency in group if latency is not None]
    if not measured:
        return False
    own, best = vitals[target].latency or 0.0, min(measured)
    return own > _MUCH_SLOWER * best and own - best > _NOTICED


def spread(ordered: Sequence[Target], route: Route, providers: Mapping[str, Provider], vitals: Vitals) -> list[Target]:
    """The same targets for one of many parts of a request: the fewest calls in flight for their weight first, whatever
    their priority; cold ones and engines that are too full stay behind."""
    now = time.monotonic()

    def rank(target: Target) -> tuple[bool, bool, float]:
        full = bool(overflow(target, route.spill, providers, vitals, now))
        return (vitals.signals.cold(target), full, vitals[target].in_flight / target.weight)

    return sorted(ordered, key=rank)


def _spilled(
    ordered: list[Target], spill: Spill, providers: Mapping[str, Provider], vitals: Vitals, now: float
) -> list[Target]:
    full = [target for target in ordered if overflow(target, spill, providers, vitals, now)]
    return [target for target in ordered if target not in full] + full if full else ordered


def _bargains(
    group: list[Target], route: Route, providers: Mapping[str, Provider], vitals: Vitals, random: Random, now: float
) -> list[Target]:
    """Cheapest first of those that answer well now, then the others; of one price the faster one."""
    if len(group) < 2 or random.random() < _EXPLORED:
        return group

    def rank(target: Target) -> tuple[bool, float, float]:
        unwell = vitals[target].ready_at(now) > now or slow(target, route, vitals) or _crowded(target, vitals)
        full = bool(overflow(target, route.spill, providers, vitals, now))
        return (unwell or full, _price(target, providers), _latency(target, vitals))

    return sorted(group, key=rank)


def _drawn(group: list[Target], draw: Callable[[Target], float]) -> list[Target]:
    """A weighted shuffle: the key u^(1/w) puts a target first with a chance in proportion to its weight
    (Efraimidis and Spirakis, 2006). With `u` a hash of the session it is rendezvous hashing: a target that goes or
    comes moves only its own share of the sessions."""
    if len(group) < 2:
        return group
    return sorted(group, key=lambda target: draw(target) ** (1 / target.weight), reverse=True)


def _share(session: str, target: Target) -> float:
    """A number in [0, 1), always the same for this session and target."""
    named = f"{session}\n{target.provider_id}\n{target.upstream_model}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(named, digest_size=7).digest()) / 2**56


def _arranged(
    policy: Policy, group: list[Target], providers: Mapping[str, Provider], vitals: Vitals, random: Random
) -> list[Target]:
    if len(group) < 2:
        return group
    if policy is Policy.LEAST_BUSY:
        first, second, *rest = group
        return [second, first, *rest] if _less_busy(second, first, vitals) else group
    if policy is Policy.CHEAPEST:
        return sorted(group, key=lambda target: _price(target, providers))
    measure = _MEASURES.get(policy)
    if measure is None or random.random() < _EXPLORED:
        return group
    return sorted(group, key=lambda target: measure(target, vitals))


def _less_busy(one: Target, other: Target, vitals: Vitals) -> bool:
    """By what the platform calls crowded, then our own calls in flight, then the share of the chutes that is in use."""
    mine = (_crowded(one, vitals), vitals[one].in_flight / one.weight)
    theirs = (_crowded(other, vitals), vitals[other].in_flight / other.weight)
    if mine != theirs:
        return mine < theirs
    loads = vitals.signals.load(one), vitals.signals.load(other)
    used = [load.utilization for load in loads if load is not None and load.utilization is not None]
    return len(used) == 2 and used[0] < used[1]


def _crowded(target: Target, vitals: Vitals) -> bool:
    load = vitals.signals.load(target)
    return load is not None and load.crowded


def _price(target: Target, providers: Mapping[str, Provider]) -> float:
    if target.price is not None:
        return target.price
    return 0.0 if providers[target.provider_id].type is ProviderType.LOCAL else float("inf")


def _latency(target: Target, vitals: Vitals) -> float:
    """As we measured it; while that were few calls, as all callers of the chute did."""
    vital = vitals[target]
    speed = vitals.signals.speed(target) if vital.calls < _FEW else None
    return speed.ttft if speed is not None and speed.ttft else vital.latency or 0.0


def _slowness(target: Target, vitals: Vitals) -> float:
    vital = vitals[target]
    speed = vitals.signals.speed(target) if vital.calls < _FEW or vital.speed is None else None
    if speed is not None and speed.tps:
        return -speed.tps
    return -vital.speed if vital.speed is not None else float("-inf")


_MEASURES: Mapping[Policy, Callable[[Target, Vitals], float]] = {
    Policy.LOWEST_LATENCY: _latency,
    Policy.HIGHEST_THROUGHPUT: _slowness,
}
"""Lower is better; what was never measured comes first, so that it gets measured."""
