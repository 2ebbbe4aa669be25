"""The order in which a route's targets are tried. Pure but for the random source passed in."""

from collections.abc import Mapping
from itertools import groupby
from random import Random

from gateway.providers.base import Provider, ProviderType
from gateway.routing.types import Policy, Route, Target


def order(route: Route, providers: Mapping[str, Provider], random: Random) -> list[Target]:
    """Usable targets by priority; within a priority drawn by weight, so that equal targets share load."""
    usable = [t for t in route.targets if (p := providers.get(t.provider_id)) is not None and p.enabled]
    if len(usable) < 2:
        return usable

    def rank(target: Target) -> tuple[bool, int]:
        local = providers[target.provider_id].type is ProviderType.LOCAL
        return (route.policy is Policy.LOCAL_FIRST and not local, target.priority)

    ranked = sorted(usable, key=rank)
    return [target for _, group in groupby(ranked, key=rank) for target in _draw(list(group), random)]


def _draw(group: list[Target], random: Random) -> list[Target]:
    """A weighted shuffle: the key u^(1/w) puts a target first with a chance in proportion to its weight
    (Efraimidis and Spirakis, 2006)."""
    if len(group) < 2:
        return group
    return sorted(group, key=lambda target: random.random() ** (1 / target.weight), reverse=True)
