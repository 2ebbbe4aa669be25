"""The order in which a route's targets are tried. Pure but for the random source and the clock passed in."""

import time
from collections.abc import Callable, Mapping
from hashlib import blake2b
from itertools import groupby
from random import Random

from gateway.providers.base import Provider, ProviderType
from gateway.routing.spill import too_full
from gateway.routing.types import Policy, Route, Spill, Target
from gateway.routing.vitals import Vital, Vitals

_EXPLORED = 0.05
"""Share of calls that ignore what was measured, so that a target that was slow once is measured again."""
_MUCH_SLOWER = 3.0
"""Times the latency of the best: what is no bargain however cheap."""


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
        local = providers[target.provider_id].type is ProviderType.LOCAL
        match route.policy:
            case Policy.LOCAL_FIRST:
                return (not local, target.priority)
            case Policy.REMOTE_FIRST:
                return (local, target.priority)
            case Policy.WEIGHTED:
                return (False, 0)
            case _:
                return (False, target.priority)

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
    return ordered


def overflow(target: Target, spill: Spill | None, providers: Mapping[str, Provider], vitals: Vitals, now: float) -> str:
    """Why calls for this engine go elsewhere first, in words; empty where they need not, and for what is no engine."""
    if spill is None or providers[target.provider_id].type is not ProviderType.LOCAL:
        return ""
    return too_full(spill, vitals[target], vitals.loads.get(target.provider_id), now)


def slow(target: Target, route: Route, vitals: Vitals) -> bool:
    """Much slower than the best of its priority."""
    group = (vitals[other].latency for other in route.targets if other.priority == target.priority)
    measured = [latency for latency in group if latency is not None]
    return bool(measured) and (vitals[target].latency or 0.0) > _MUCH_SLOWER * min(measured)


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
        vital = vitals[target]
        unwell = vital.ready_at(now) > now or slow(target, route, vitals)
        full = bool(overflow(target, route.spill, providers, vitals, now))
        return (unwell or full, _price(target, providers), _latency(vital))

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
        return [second, first, *rest] if _load(second, vitals) < _load(first, vitals) else group
    if policy is Policy.CHEAPEST:
        return sorted(group, key=lambda target: _price(target, providers))
    measure = _MEASURES.get(policy)
    if measure is None or random.random() < _EXPLORED:
        return group
    return sorted(group, key=lambda target: measure(vitals[target]))


def _load(target: Target, vitals: Vitals) -> float:
    return vitals[target].in_flight / target.weight


def _price(target: Target, providers: Mapping[str, Provider]) -> float:
    if target.price is not None:
        return target.price
    return 0.0 if providers[target.provider_id].type is ProviderType.LOCAL else float("inf")


def _latency(vital: Vital) -> float:
    return vital.latency or 0.0


def _slowness(vital: Vital) -> float:
    return -vital.speed if vital.speed is not None else float("-inf")


_MEASURES: Mapping[Policy, Callable[[Vital], float]] = {
    Policy.LOWEST_LATENCY: _latency,
    Policy.HIGHEST_THROUGHPUT: _slowness,
}
"""Lower is better; what was never measured comes first, so that it gets measured."""
