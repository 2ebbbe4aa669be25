"""The order in which a route's targets are tried. Pure but for the random source passed in."""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from itertools import groupby
from random import Random

from gateway.providers.base import Provider, ProviderType
from gateway.routing.types import Policy, Route, Target
from gateway.routing.vitals import Vital, Vitals

_EXPLORED = 0.05
"""Share of calls that ignore what was measured, so that a target that was slow once is measured again."""


def order(
    route: Route, providers: Mapping[str, Provider], vitals: Vitals, random: Random, session: str = ""
) -> list[Target]:
    """Usable targets, best first, whether or not they may be asked at this moment. Within a priority the calls of one
    `session` keep their order of targets, whatever was measured."""
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
        return [t for group in groups for t in _drawn(group, lambda target: _share(session, target))]
    drawn = [_drawn(group, lambda _: random.random()) for group in groups]
    return [t for group in drawn for t in _arranged(route.policy, group, providers, vitals, random)]


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
