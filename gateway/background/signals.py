"""Asks Chutes how its chutes do and what is left of the account, while a provider of the snapshot is at Chutes.

Load and statistics are the catalog's sources and are kept as its copies: whoever finds one too old asks, the other one
reads. Nothing is asked more often than its time says; what fails is asked ever more rarely.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any
from urllib.parse import quote

from gateway.background.caps import read_caps, read_quota, read_quotas
from gateway.background.tasks import Periodic
from gateway.catalog.client import JsonClient
from gateway.catalog.parts import CatalogParts
from gateway.catalog.shelf import Copy
from gateway.catalog.sources.base import CatalogSource
from gateway.catalog.sources.statistics import Statistics
from gateway.catalog.sources.utilization import Utilization
from gateway.catalog.threads import in_thread
from gateway.errors import GatewayError, UpstreamCredentials, UpstreamEndpointMissing, UpstreamModelMissing
from gateway.providers.base import Provider, ProviderType
from gateway.providers.chutes import is_chutes_host
from gateway.providers.transport.base import Transport
from gateway.routing.forecast import Window
from gateway.routing.signals import Account, Load, Signals, Speed
from gateway.settings import Settings
from gateway.state import State

log = logging.getLogger("gateway.signals")

LOOK = 5.0
"""Seconds between looks at what is due."""
LOAD, SPEED, ACCOUNT, QUOTAS = 60.0, 3600.0, 120.0, 3600.0
"""Seconds between two questions for each."""
RAREST = 3600.0
ACCOUNTS = 4
"""Providers whose accounts are asked for, at most."""
OWN_QUOTAS = 16
"""Chutes of one account with a quota of their own that are asked for, at most."""
_TIMEOUT = 20.0
_JITTER = 0.1


@dataclass(slots=True)
class _Due:
    """When something is asked next (`time.monotonic()`), and how often in a row it failed."""

    at: float = 0.0
    failures: int = 0


class ChuteSignals:
    """Writes `Signals` of the vitals. `clock` is monotonic."""

    def __init__(
        self,
        state: State,
        catalog: CatalogParts,
        transport: Transport,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        random: Random | None = None,
    ) -> None:
        self._state, self._catalog, self._settings, self._clock = state, catalog, settings, clock
        self._client = JsonClient(transport, allow_plain=settings.allow_private_upstreams)
        self._random = random or Random()  # noqa: S311
        self._due: dict[str, _Due] = {}
        self._own: dict[str, frozenset[str]] = {}
        ttl, api = settings.catalog.ttl, settings.chutes_api_url
        self._utilization = Utilization(api, ttl.get("utilization", LOAD))
        self._statistics = Statistics(api, ttl.get("statistics", SPEED))

    def task(self) -> Periodic:
        return Periodic("chutes signals", LOOK, self.look)

    @property
    def signals(self) -> Signals:
        return self._state.dispatcher.vitals.signals

    async def look(self) -> None:
        """Asks for what is due. Raises the last failure, when all was asked."""
        providers = self._providers()
        signals = self.signals
        signals.watched = frozenset(providers)
        for gone in signals.accounts.keys() - providers.keys():
            del signals.accounts[gone]
        if not providers:
            return
        await self._catalog.ready()
        if self._catalog.refresher.is_running:
            return
        failure = await self._attempt("load", self._utilization.ttl, self._ask_load)
        failure = await self._attempt("speed", self._statistics.ttl, self._ask_speed) or failure
        for provider in [p for p in providers.values() if p.api_keys][:ACCOUNTS]:
            quotas, account = partial(self._ask_quotas, provider), partial(self._ask_account, provider)
            failure = await self._attempt(f"quotas of {provider.id}", QUOTAS, quotas) or failure
            failure = await self._attempt(f"account of {provider.id}", ACCOUNT, account) or failure
        if failure is not None:
            raise failure

    def _providers(self) -> dict[str, Provider]:
        if not self.signals.enabled:
            return {}
        ours = self._settings.chutes_base_url.rstrip("/")
        return {
            p.id: p
            for p in self._state.snapshot.providers.values()
            if p.type == ProviderType.CHUTES and p.enabled and (is_chutes_host(p.base_url) or p.base_url == ours)
        }

    async def _attempt(self, name: str, every: float, ask: Callable[[], Awaitable[None]]) -> GatewayError | None:
        """Asks where it is due. Failures double the time until the next question, up to `RAREST`."""
        due = self._due.setdefault(name, _Due())
        if self._clock() < due.at:
            return None
        error: GatewayError | None = None
        try:
            await ask()
            due.failures, wait = 0, every
        except GatewayError as raised:
            due.failures += 1
            wait = max(min(every * 2.0**due.failures, RAREST), raised.retry_after or 0.0)
            error = raised
        due.at = self._clock() + wait * (1 + _JITTER * (2 * self._random.random() - 1))
        return error

    async def _ask_load(self) -> None:
        copy = await self._copy(self._utilization)
        at = self._moment(copy)
        self.signals.take_loads(await in_thread(_loads, self._utilization, copy, at))

    async def _ask_speed(self) -> None:
        copy = await self._copy(self._statistics)
        at = self._moment(copy)
        self.signals.take_speeds(await in_thread(_speeds, self._statistics, copy, at))

    async def _copy(self, source: CatalogSource) -> Copy:
        shelf = self._catalog.shelf
        copy = await shelf.get(source.file)
        if copy is None or not copy.fresh(shelf.clock(), source.ttl):
            copy = await shelf.put(source.file, await source.fetch(self._client))
        return copy

    def _moment(self, copy: Copy) -> float:
        return self.signals.clock() - copy.age(self._catalog.shelf.clock())

    async def _ask_quotas(self, provider: Provider) -> None:
        """Which chutes have a quota of their own; how much of it is used comes with the account."""
        try:
            self._own[provider.id] = read_quotas(await self._get("/users/me/quotas", provider.api_keys[0]))
        except (UpstreamEndpointMissing, UpstreamModelMissing):
            self._own.pop(provider.id, None)

    async def _ask_account(self, provider: Provider) -> None:
        """Raises what kept the account from being read; the board says so too, beside what was known before."""
        before = self.signals.accounts.get(provider.id, Account())
        now, key = time.time(), provider.api_keys[0]
        try:
            me = await self._get("/users/me", key)
            windows = await self._windows(key) + await self._own_windows(provider, key)
        except GatewayError as error:
            refused = isinstance(error, UpstreamCredentials)
            key_ok = False if refused else before.key_ok
            account = replace(before, at=now, reachable=refused, key_ok=key_ok, error=error.message)
            self.signals.take_account(provider.id, account)
            raise
        balance = me.get("balance") if isinstance(me, Mapping) else None
        known = float(balance) if isinstance(balance, int | float) else None
        own = self._own.get(provider.id, frozenset())
        self.signals.take_account(provider.id, Account(now, True, True, known, windows, own))

    async def _windows(self, key: str) -> tuple[Window, ...]:
        """Caps of the subscription, then the requests a day; accounts without them have none."""
        found: tuple[Window, ...] = ()
        for path, read in (
            ("/users/me/subscription_usage", read_caps),
            ("/users/me/quota_usage/*", read_quota),
        ):
            try:
                found += read(await self._get(path, key))
            except (UpstreamEndpointMissing, UpstreamModelMissing):
                continue
        return found

    async def _own_windows(self, provider: Provider, key: str) -> tuple[Window, ...]:
        """Of the chutes that have a quota of their own, first of those that are configured."""
        configured, found = set(self._configured(provider)), []
        for chute in sorted(self._own.get(provider.id, ()), key=lambda one: (one not in configured, one))[:OWN_QUOTAS]:
            try:
                row = await self._get(f"/users/me/quota_usage/{quote(chute, safe='')}", key)
            except (UpstreamEndpointMissing, UpstreamModelMissing):
                continue
            name = f"daily requests of {self.signals.chute_name(chute)}"
            found += [replace(window, name=name, chute=chute) for window in read_quota(row)]
        return tuple(found)

    def _configured(self, provider: Provider) -> Iterator[str]:
        for route in self._state.snapshot.routes.values():
            for target in route.targets:
                if target.provider_id == provider.id:
                    yield self.signals.chute_id(target)

    async def _get(self, path: str, key: str) -> Any:
        return await self._client.get(self._settings.chutes_api_url.rstrip("/") + path, key=key, timeout=_TIMEOUT)


def _loads(source: Utilization, copy: Copy, at: float) -> list[tuple[str, str, Load]]:
    rows = source.read(copy.document, copy.at).models
    return [(row.chute_id, row.name, _load(row.fields, at)) for row in rows]


def _load(fields: Mapping[str, Any], at: float) -> Load:
    active = fields.get("active_instances", fields.get("instances"))
    return Load(at, active, fields.get("utilization"), fields.get("rate_limit_ratio"))


def _speeds(source: Statistics, copy: Copy, at: float) -> list[tuple[str, str, Speed]]:
    rows = source.read(copy.document, copy.at).models
    return [(row.chute_id, row.name, Speed(at, row.fields.get("ttft"), row.fields.get("tps"))) for row in rows]
