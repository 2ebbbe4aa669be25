"""`Snapshot` and `State`. A request keeps the snapshot it began with, so no change reaches it half-way."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.access.addresses import Network
from gateway.access.counters.memory import MemoryCounters
from gateway.access.keys import Caller
from gateway.access.limits import CounterStore, Limits
from gateway.cache import ResponseCache
from gateway.openai_api.confidentiality import Rule
from gateway.providers.base import Provider
from gateway.providers.engines import EngineBoard
from gateway.routing.dispatcher import Dispatcher
from gateway.routing.history import History
from gateway.routing.journal import Journal
from gateway.routing.types import Route
from gateway.routing.warming import Warmer
from gateway.state.media import MediaLimits
from gateway.usage.pricing import PriceBook
from gateway.usage.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Immutable. `callers` are found by the hash of their key; `aliases` lead to route ids."""

    revision: int
    providers: Mapping[str, Provider]
    routes: Mapping[str, Route]
    aliases: Mapping[str, str]
    callers: Mapping[bytes, Caller]
    defaults: tuple[str, ...] = ()
    """The models that the name `default` means."""
    upstream_aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What slugs, UUIDs and aliases at Chutes stand for, as far as they were read."""

    drained: frozenset[tuple[str, str]] = frozenset()
    """Targets that get no new requests, by provider and upstream model."""
    limits: tuple[Limits, ...] = ()
    """Of everybody together."""
    ip_rpm: int | None = None
    """Requests in any 60 seconds from each address."""
    prices: PriceBook = field(default_factory=PriceBook)
    since: int = 0
    """When models that say nothing of it came to be, in seconds since 1970: the same at every start."""
    created: Mapping[str, int] = field(default_factory=dict)
    """When a route's chute or its entry in the database was made, in seconds since 1970."""
    rule: Rule | None = None
    """What the settings demand of whoever is asked, for every request."""

    def resolve_alias(self, name: str) -> Sequence[str]:
        return self.upstream_aliases.get(name, ())

    def routes_for(self, caller: Caller) -> Iterator[Route]:
        """The routes this caller may use and somebody could serve, in order of configuration."""
        for route in self.routes.values():
            served = any((p := self.providers.get(t.provider_id)) and p.enabled for t in route.targets)
            if served and caller.may_use(route.id):
                yield route


@dataclass(slots=True)
class State:
    """The ports of a running gateway, and the current snapshot. Made once by `create_app`."""

    snapshot: Snapshot
    dispatcher: Dispatcher
    engines: EngineBoard
    engine_wait: float
    """Seconds a request waits for a loading engine that has no fallback."""
    journal: Journal = field(default_factory=Journal)
    history: History = field(default_factory=History)
    watcher: Callable[[Any], None] | None = None
    """Told the account of each request when its route is known; None while no page is open."""
    media: MediaLimits = field(default_factory=MediaLimits)
    counters: CounterStore = field(default_factory=MemoryCounters)
    recorder: Recorder | None = None
    """None before the gateway was started: nothing is recorded."""
    warmer: Warmer | None = None
    """Has cold chutes started."""
    cache: ResponseCache | None = None
    """None where it is switched off."""
    traced: float | None = None
    """Share of requests without a trace of their own that get one; None where no spans are made."""
    storage_trouble: Callable[[], str] = str
    """Why the database does not work now; empty where it does, and before it was opened."""
    trusted: tuple[Network, ...] = ()
    """Proxies whose word about the caller's address counts."""
