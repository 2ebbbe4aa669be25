"""`create_app`: the only place that wires the gateway together."""

import asyncio
import logging
from collections.abc import Container, Mapping
from contextlib import AbstractContextManager, suppress
from importlib import import_module
from itertools import product
from time import monotonic

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from gateway.access.addresses import parse_networks
from gateway.access.keys import keep_master_key, master_key
from gateway.admin.directory import Directory
from gateway.api.asgi import Receive, Scope, Send
from gateway.api.batch_asking import Asking
from gateway.api.bodies import BoundedBodies
from gateway.api.inference import Inference, Limits
from gateway.api.late import LatePages
from gateway.api.long_work import Patience
from gateway.background.catalog import CatalogRefresh
from gateway.background.health import HealthChecks
from gateway.background.loads import EngineLoads
from gateway.background.signals import ChuteSignals
from gateway.background.tasks import Background
from gateway.backoffice import BackOffice
from gateway.cache import ResponseCache
from gateway.catalog.parts import build_catalog
from gateway.errors import ConfigError
from gateway.providers.base import ProviderType
from gateway.providers.engines import EngineBoard, NoEngines
from gateway.providers.registry import build_adapters
from gateway.providers.transport.addresses import AddressPolicy
from gateway.providers.transport.base import Transport
from gateway.providers.transport.chosen import ChosenTransport
from gateway.providers.transport.outbox import Outbox
from gateway.providers.transport.pooled import PooledTransport
from gateway.routing.dispatcher import Dispatcher, QueueLimits
from gateway.routing.types import Splitting
from gateway.routing.warming import Warmer
from gateway.settings import Settings
from gateway.state import MediaLimits, Snapshot, State, build_snapshot
from gateway.state.tee_facts import CatalogTee

log = logging.getLogger("gateway")

_UNTOLD: Mapping[str, str] = {}
_JOB_SECONDS = 30.0


def create_app(
    settings: Settings, engines: EngineBoard | None = None, origins: Mapping[str, str] = _UNTOLD
) -> "Gateway":
    """`origins` says where each given setting is from. Raises ConfigError when the settings cannot work.

    Starts nothing: that is `Gateway.startup`.
    """
    return Gateway(settings, engines or NoEngines(), origins)


class Gateway:
    """The ASGI app. Inference goes straight to its handler; everything else through FastAPI.

    Making one writes nothing. `startup` keeps a new master key, opens the database and starts the local engines, which
    load in the background; `shutdown` stops them and closes connections. Both run on the loop that serves.
    `new_master_key` is set when this start made one, to be shown once; `failure` is what kept it from starting.
    `stop_by`, in `time.monotonic()`, is how long `shutdown` waits for jobs: 30 s where nobody says.
    """

    def __init__(self, settings: Settings, engines: EngineBoard, origins: Mapping[str, str]) -> None:
        configured = settings.master_api_key
        key, is_new = master_key(configured.get_secret_value() if configured else None, settings.state_dir)
        self.settings = settings
        self.new_master_key = key if is_new else None
        self._key_to_keep = self.new_master_key
        self.failure: Exception | None = None
        self.stop_by: float | None = None
        self._job_seconds = _JOB_SECONDS
        self._master_key = key
        policy = AddressPolicy(settings.allow_private_upstreams, frozenset({settings.port}))
        self.outbox = Outbox()
        self._transport = ChosenTransport(PooledTransport(policy, outbox=self.outbox), lambda: _httpx(policy))
        adapters = build_adapters(self._transport, engines, settings.chutes_api_url, settings.chutes_base_url)
        self.state = State(
            snapshot=build_snapshot(settings, engines, key),
            dispatcher=Dispatcher(adapters),
            engines=engines,
            engine_wait=settings.engine_wait,
            cache=_response_cache(settings),
            trusted=parse_networks(settings.trusted_proxies, "trusted_proxies"),
        )
        check_dialects(self.state.snapshot, adapters, settings)
        self.state.warmer = Warmer(adapters, self.state.dispatcher.vitals.signals)
        self.catalog = build_catalog(settings, self._transport, lambda: self.state.snapshot.providers.values(), engines)
        age = settings.confidentiality.max_age_minutes * 60
        self.state.dispatcher.asker.tee_facts = CatalogTee(self.catalog.board, settings.chutes_base_url, age)
        self.background = Background()
        self.inference = Inference(self.state, inference_limits(settings))
        self._live(settings)
        self.back_office = BackOffice(settings, self.state, self._enforce, origins)
        self._pages = BoundedBodies(LatePages(self.state, self._all_pages), settings.body_timeout)
        self._http = _with_cors(self._dispatch, settings.cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await self._http(scope, receive, send)

    async def startup(self) -> None:
        self.keep_key()
        await self.back_office.open(self._master_key, self.background)
        self.inference.runner = self.back_office.runner
        assert self.back_office.batches
        asking = Asking(self.inference, self.state)
        self.back_office.batches.start(asking.ask, asking.recorded)
        self.catalog.board.listen(self.back_office.tell_catalog)
        await self.state.engines.start()
        for task in (
            HealthChecks(self.state, self._transport, self.background).task(),
            EngineLoads(self.state, self._transport).task(),
            CatalogRefresh(self.catalog).task(),
            ChuteSignals(self.state, self.catalog, self._transport, self.settings).task(),
            self.back_office.learning(self.catalog.board),
        ):
            self.background.keep(task)

    def keep_key(self) -> None:
        """Writes a new master key where the next start finds it; called again it does nothing."""
        folder, key = self.settings.state_dir, self._key_to_keep
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if key:
                keep_master_key(key, folder)
        except FileExistsError:
            if not folder.is_dir():
                raise ConfigError(f"STATE_DIR: {folder} is no folder; name another") from None
            raise ConfigError(f"{folder}: another process has just made its master key there: start again") from None
        except OSError as error:
            log.warning("%s cannot be written (%s): what is made there is lost at the end", folder, error.strerror)
        self._key_to_keep = None

    async def shutdown(self) -> None:
        office = self.back_office
        if office.runner is not None and office.batches is not None:
            seconds = self._job_seconds if self.stop_by is None else self.stop_by - monotonic()
            await asyncio.gather(office.runner.drain(seconds), office.batches.drain(seconds))
        await self.background.stop()
        if self.state.warmer is not None:
            await self.state.warmer.aclose()
        await self.catalog.aclose()
        await self.state.engines.stop()
        await self._transport.aclose()
        await self.back_office.close()

    def count_jobs(self, under_way: AbstractContextManager[None]) -> None:
        """Entered for as long as a job runs: whoever shuts this gateway down waits for it, as for requests."""
        if self.back_office.runner is not None:
            self.back_office.runner.counted = lambda: under_way
            self._job_seconds = 0.0

    def _enforce(self, directory: Directory) -> None:
        """Puts what is configured now in force. Requests that are running keep the snapshot they began with."""
        self.state.snapshot = directory.snapshot
        self._live(directory.settings)

    def _live(self, settings: Settings) -> None:
        """The settings that may change while the gateway runs, beside those that the snapshot holds."""
        state = self.state
        state.dispatcher.vitals.signals.enabled = settings.chutes_signals
        state.dispatcher.limits = QueueLimits(settings.queue_timeout, settings.queue_size)
        audio = Splitting(settings.audio.split_seconds, settings.audio.parallel, settings.audio.spread)
        state.media = MediaLimits(image_domains=settings.image_domains, own_ports=(settings.port,), splitting=audio)
        state.engine_wait = settings.engine_wait
        self.inference.limits = inference_limits(settings)

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        inference = scope["type"] == "http" and self.inference.answers(scope["path"])
        await (self.inference if inference else self._pages)(scope, receive, send)

    def _all_pages(self) -> ASGIApp:
        """FastAPI and its routes take half a second and 20 MB to load, so that waits until somebody asks for them."""
        office = self.back_office
        pages: ASGIApp = import_module("gateway.api.pages").all_pages(
            self.state, self.catalog, office.services, office.watched(self.catalog.board)
        )
        return pages

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.startup()
        except Exception as error:
            self.failure = error
            with suppress(Exception):
                await self.shutdown()
            await send({"type": "lifespan.startup.failed", "message": ""})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.shutdown()
        await send({"type": "lifespan.shutdown.complete"})


def _httpx(policy: AddressPolicy) -> Transport:
    """Loaded for the first provider that needs it: only those behind a proxy or reached over HTTP/2 do."""
    transport: Transport = import_module("gateway.providers.transport.httpx_client").HttpxTransport(policy)
    return transport


def inference_limits(settings: Settings) -> Limits:
    return Limits(
        max_bytes=int(settings.max_body_mb * 2**20),
        body_seconds=settings.body_timeout,
        request_seconds=settings.request_timeout,
        keep_alive=settings.stream_keep_alive,
        delivery_seconds=settings.delivery_timeout,
        patience=_patience(settings),
    )


def _patience(settings: Settings) -> Mapping[str, Patience]:
    """Of each edge where something happens by itself; through the platform's, answers go out whole, without spaces."""
    jobs = settings.jobs
    found = {
        "http": Patience(jobs.after, settings.json_keep_alive),
        "chute": Patience(jobs.after_at_edge),
    }
    return {edge: patience for edge, patience in found.items() if patience != Patience()}


def _response_cache(settings: Settings) -> ResponseCache | None:
    cache = settings.cache
    return ResponseCache(int(cache.max_mb * 2**20), cache.ttl_seconds) if cache.enabled else None


def check_dialects(snapshot: Snapshot, known: Container[str], settings: Settings) -> None:
    for provider in snapshot.providers.values():
        configured = provider.id in settings.providers
        if provider.type not in known or (configured and provider.type == ProviderType.LOCAL):
            place = settings.place("providers", provider.id, "type")
            raise ConfigError(f"{place}: no dialect '{provider.type}' is installed (there are openai and chutes)")


def _with_cors(app: ASGIApp, origins: tuple[str, ...]) -> ASGIApp:
    """No origin may call from a browser unless it is configured."""
    if not origins:
        return app
    gateway_headers = ("provider", "model", "attempts", "overhead-ms", "cold-eta", "confidentiality", "cache")
    limits = product(("limit", "remaining", "reset"), ("requests", "tokens"))
    exposed = [
        "x-request-id",
        "request-id",
        "retry-after",
        "location",
        "preference-applied",
        "age",
        *(f"x-ratelimit-{figure}-{what}" for figure, what in limits),
        *(f"x-gateway-{name}" for name in gateway_headers),
    ]
    return CORSMiddleware(app, allow_origins=origins, allow_methods=["*"], allow_headers=["*"], expose_headers=exposed)
