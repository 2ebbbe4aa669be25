"""All parts of the catalog, put together from the settings. Made by the app, and by the CLI for one command."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from gateway.catalog.board import CatalogBoard
from gateway.catalog.catalog import Catalog
from gateway.catalog.client import JsonClient
from gateway.catalog.fields import CHUTES_LIST, LLM, UTILIZATION
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
from gateway.providers.base import Provider, ProviderType
from gateway.providers.chutes import is_chutes_host
from gateway.providers.engines import EngineBoard
from gateway.providers.transport.base import Transport
from gateway.settings import Settings

Providers = Callable[[], Iterable[Provider]]


@dataclass(frozen=True)
class CatalogParts:
    """`start` when the loop runs; `period` seconds lie between refreshes, 0: only on request."""

    board: CatalogBoard
    refresher: Refresher
    shelf: Shelf
    history: History
    webhooks: Webhooks
    raw: RawDocuments
    period: float

    async def start(self) -> None:
        """The catalog as it can be had without network. Blocks nobody: files and merging are in threads."""
        await self.refresher.restore()

    async def refresh(self) -> None:
        """What a periodic task runs."""
        await self.refresher.refresh()

    async def aclose(self) -> None:
        await self.refresher.aclose()
        await self.webhooks.aclose()


def build_catalog(settings: Settings, transport: Transport, providers: Providers, engines: EngineBoard) -> CatalogParts:
    """Raises ConfigError for webhooks that cannot be. Touches neither disk nor network."""
    folder = settings.state_dir / "catalog"
    board, shelf, client = CatalogBoard(), Shelf(folder), JsonClient(transport)
    history = History(folder / "history", settings.catalog.history_days, settings.catalog.history_versions)
    webhooks = Webhooks(configured_receivers(settings), transport, folder)
    board.listen(webhooks.publish)
    key, lists = chutes_key(settings, ()), settings.cache_duration_minutes * 60

    def sources() -> Sequence[CatalogSource]:
        return _sources(settings, providers(), engines, board)

    return CatalogParts(
        board=board,
        refresher=Refresher(sources, client, shelf, history, board),
        shelf=shelf,
        history=history,
        webhooks=webhooks,
        raw=RawDocuments(
            client, shelf, api_url=settings.chutes_api_url, llm_url=settings.chutes_base_url, key=key, ttl=lists
        ),
        period=lists if _refreshes(settings) else 0.0,
    )


def chutes_key(settings: Settings, providers: Iterable[Provider]) -> str:
    """The account's key: from its own setting, else of a provider on a host of Chutes."""
    if settings.chutes_api_key:
        return settings.chutes_api_key.get_secret_value()
    config = settings.providers.get("chutes")
    if config and config.api_key and (not config.base_url or is_chutes_host(config.base_url)):
        return config.api_key.get_secret_value()
    return next((p.api_keys[0] for p in providers if is_chutes_host(p.base_url) and p.api_keys), "")


def _refreshes(settings: Settings) -> bool:
    wish = settings.catalog.refresh
    return wish == "on" or (wish == "auto" and bool(chutes_key(settings, ())))


def _sources(
    settings: Settings, providers: Iterable[Provider], engines: EngineBoard, board: CatalogBoard
) -> Sequence[CatalogSource]:
    """Providers on a host of Chutes are left out: the LLM host is a source of its own."""
    known = list(providers)
    ttl, lists = settings.catalog.ttl, settings.cache_duration_minutes * 60
    key, api = chutes_key(settings, known), settings.chutes_api_url
    others = [p for p in known if p.enabled and p.type != ProviderType.LOCAL and not is_chutes_host(p.base_url)]
    return (
        ChutesList(api, key, ttl.get(CHUTES_LIST, lists)),
        LlmModels(settings.chutes_base_url, "", ttl.get(LLM, lists)),
        ChuteDetails(api, lambda: wanted_details(board.current), key, ttl.get("detail", HOUR)),
        Utilization(api, ttl.get(UTILIZATION, 60.0)),
        Statistics(api, ttl.get("statistics", HOUR)),
        GpuPricing(api, ttl.get("pricing", HOUR)),
        *(ProviderModels(one, ttl.get(f"provider:{one.id}", HOUR)) for one in others),
        LocalEngines(engines.statuses),
        Snapshot(),
    )


def wanted_details(catalog: Catalog) -> list[str]:
    """Chutes that no template describes: only their cords tell what they can do. The most used first."""
    custom = [m for m in catalog.models if m.chute_id and not m.template and "chutes" in m.origins]
    custom.sort(key=lambda model: (-(model.invocation_count or 0), model.id))
    return [model.chute_id for model in custom[:MOST]]
