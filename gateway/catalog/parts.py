"""All parts of the catalog, put together from the settings. Made by the app, and by the CLI for one command."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from gateway.catalog.board import CatalogBoard, RefreshOutcome
from gateway.catalog.catalog import Catalog
from gateway.catalog.client import JsonClient
from gateway.catalog.fields import CHUTES_LIST, DETAIL, LLM, PRICING, PROVIDER, STATISTICS, UTILIZATION, source_class
from gateway.catalog.history import History
from gateway.catalog.raw import RawDocuments
from gateway.catalog.refresh import Refresher
from gateway.catalog.shelf import Shelf
from gateway.catalog.sources.base import HOUR, CatalogSource
from gateway.catalog.sources.chutes import ChutesList
from gateway.catalog.sources.detail import MOST, ChuteDetails
from gateway.catalog.sources.llm import LlmModels
from gateway.catalog.sources.local import LocalEngines
from gateway.catalog.sources.pricing import GpuPricing
from gateway.catalog.sources.provider import ProviderModels
from gateway.catalog.sources.snapshot import Snapshot
from gateway.catalog.sources.statistics import Statistics
from gateway.catalog.sources.utilization import Utilization
from gateway.catalog.webhooks import Webhooks, configured_receivers
from gateway.errors import ConfigError
from gateway.providers.base import Provider, ProviderType
from gateway.providers.chutes import is_chutes_host
from gateway.providers.engines import EngineBoard
from gateway.providers.transport.base import Transport
from gateway.settings import Settings

_PATIENCE = 10.0
_ASKED = (CHUTES_LIST, LLM, DETAIL, UTILIZATION, STATISTICS, PRICING, PROVIDER)
"""Sources that are asked over the network: what is theirs may be fresh for a time."""

Providers = Callable[[], Iterable[Provider]]


@dataclass(frozen=True)
class CatalogParts:
    """`start` when the loop runs; `period` seconds lie between refreshes, 0: only on request."""

    board: CatalogBoard
    refresher: Refresher
    shelf: Shelf
    """Copies of the sources."""
    queries: Shelf
    """Copies of what callers asked Chutes for."""
    history: History
    webhooks: Webhooks
    raw: RawDocuments
    period: float
    started: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """The catalog as it can be had without network. Blocks nobody: files and merging are in threads."""
        try:
            await self.refresher.restore()
        finally:
            self.started.set()

    async def ready(self) -> None:
        """Returns when there is something to read, at the latest after `_PATIENCE` seconds."""
        if not self.started.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.started.wait(), _PATIENCE)

    async def refresh(self, *, force: bool = False) -> RefreshOutcome:
        """Once it has started: what was on disk would else take the place of what has just been asked."""
        await self.ready()
        return await self.refresher.refresh(force=force)

    async def aclose(self) -> None:
        await self.refresher.aclose()
        await self.webhooks.aclose()


def build_catalog(settings: Settings, transport: Transport, providers: Providers, engines: EngineBoard) -> CatalogParts:
    """Raises ConfigError for webhooks and times that cannot be. Touches neither disk nor network."""
    folder = settings.state_dir / "catalog"
    _check_ttl(settings)
    board = CatalogBoard()
    client = JsonClient(transport, allow_plain=settings.allow_private_upstreams)
    shelf, queries = Shelf(folder), Shelf(folder / "queries", most=128, most_bytes=32 * 2**20)
    history = History(folder / "history", settings.catalog.history_days, settings.catalog.history_versions)
    webhooks = Webhooks(configured_receivers(settings), transport, folder)
    board.listen(webhooks.publish)
    key, lists = chutes_key(settings), settings.cache_duration_minutes * 60

    def sources() -> Sequence[CatalogSource]:
        return _sources(settings, providers(), engines, board)

    return CatalogParts(
        board=board,
        refresher=Refresher(sources, client, shelf, history, board),
        shelf=shelf,
        queries=queries,
        history=history,
        webhooks=webhooks,
        raw=RawDocuments(
            client,
            shelf,
            queries,
            api_url=settings.chutes_api_url,
            llm_url=settings.chutes_base_url,
            key=key,
            ttl=lists,
        ),
        period=lists if _refreshes(settings) else 0.0,
    )


def chutes_key(settings: Settings) -> str:
    """The account's key: from its own setting, else of the first provider on a host of Chutes."""
    if settings.chutes_api_key:
        return settings.chutes_api_key.get_secret_value()
    for name, config in settings.providers.items():
        theirs = is_chutes_host(config.base_url) if config.base_url else name == "chutes"
        if theirs and (key := config.api_key or next(iter(config.api_keys), None)):
            return key.get_secret_value()
    return ""


def _check_ttl(settings: Settings) -> None:
    for name, seconds in settings.catalog.ttl.items():
        place = settings.place("catalog", "ttl", name)
        if source_class(name) not in _ASKED or (source_class(name) == PROVIDER) != (":" in name):
            raise ConfigError(f"{place}: is no source (known: {', '.join(_ASKED[:-1])}, provider:ID)")
        if not seconds > 0:
            raise ConfigError(f"{place}: must be a number of seconds above 0")


def _refreshes(settings: Settings) -> bool:
    wish = settings.catalog.refresh
    return wish == "on" or (wish == "auto" and bool(chutes_key(settings)))


def _sources(
    settings: Settings, providers: Iterable[Provider], engines: EngineBoard, board: CatalogBoard
) -> Sequence[CatalogSource]:
    """Providers on a host of Chutes are left out: the LLM host is a source of its own."""
    ttl, lists = settings.catalog.ttl, settings.cache_duration_minutes * 60
    key, api = chutes_key(settings), settings.chutes_api_url
    wanted, complete = wanted_details(board.current)
    others = [p for p in providers if p.enabled and p.type != ProviderType.LOCAL and not is_chutes_host(p.base_url)]
    return (
        ChutesList(api, key, ttl.get(CHUTES_LIST, lists)),
        LlmModels(settings.chutes_base_url, "", ttl.get(LLM, lists)),
        ChuteDetails(api, wanted, key, ttl.get(DETAIL, HOUR) if complete else 0.0),
        Utilization(api, ttl.get(UTILIZATION, 60.0)),
        Statistics(api, ttl.get(STATISTICS, HOUR)),
        GpuPricing(api, ttl.get(PRICING, HOUR)),
        *(ProviderModels(one, ttl.get(f"{PROVIDER}:{one.id}", HOUR)) for one in others),
        LocalEngines(engines.statuses),
        Snapshot(),
    )


def wanted_details(catalog: Catalog) -> tuple[list[str], bool]:
    """Chutes that no template describes, the most used first: only their cords tell what they can do. And whether all
    of them are known."""
    custom = [m for m in catalog.models if m.chute_id and not m.template and CHUTES_LIST in m.origins]
    custom.sort(key=lambda model: (-(model.invocation_count or 0), model.id))
    return [model.chute_id for model in custom[:MOST]], all(DETAIL in model.origins for model in custom[:MOST])
