"""`BackOffice`: what stands behind the request path: the store, the administration, accounts, limits and usage.

The app opens it at start and closes it at the end; between the two it keeps the state up to date.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from gateway.access.counters.opened import open_counters
from gateway.access.passwords import Passwords
from gateway.access.sessions import Sessions
from gateway.access.setup import FirstAdmin, SetupToken, configured_admin
from gateway.access.throttle import Throttle
from gateway.admin.accounts import ensure_admin
from gateway.admin.administration import Administration
from gateway.admin.directory import Directory
from gateway.admin.opening import base, open_store, trace_collector
from gateway.admin.resets import SCOPES, mark_of, windows
from gateway.admin.seeding import seed
from gateway.admin.users import has_admin
from gateway.api.feed import RequestFeed
from gateway.api.hub import Hub
from gateway.api.services import Services
from gateway.api.watched import Watched
from gateway.background.tasks import Background, Periodic
from gateway.batches.desk import BatchDesk
from gateway.batches.files import FileDesk
from gateway.batches.opening import open_batches
from gateway.batches.runner import BatchRunner
from gateway.catalog.board import CatalogBoard
from gateway.catalog.catalog import Catalog
from gateway.catalog.changes import Change
from gateway.catalog.threads import in_thread
from gateway.errors import StorageFailed, StorageUnavailable
from gateway.jobs.desk import Desk
from gateway.jobs.opening import open_runner
from gateway.jobs.runner import Runner
from gateway.observe.collector import Collector, ignored
from gateway.pipeline.account import settled
from gateway.pipeline.provider_history import note_tries
from gateway.settings import Settings
from gateway.settings.periods import PERIODS, period_name
from gateway.state import State
from gateway.state.catalog_routes import catalog_prices, chutes_provider
from gateway.store.retention import Retention
from gateway.store.store import Store
from gateway.store.usage_reports import UsageReports
from gateway.usage.meters import Meters
from gateway.usage.price_facts import configured_prices
from gateway.usage.recorder import Recorder

if TYPE_CHECKING:
    from gateway.observe.otlp import Exporter

log = logging.getLogger("gateway")

_FOLLOWING = 30.0
"""Seconds for which one wait for a change of others lasts at most."""
_SAY_AGAIN = 60.0
"""Seconds after which a trouble that lasts is logged again."""
_MOST_TOLD = 100
"""Changes of the catalog that one message of the live view names."""
_LEARNING = 2.0
"""Seconds between looks at whether there is a new catalog."""
_PRUNING = 3600.0
_GONE = 3600.0
"""Seconds after the end of its lease from which a job that nobody asks for counts as interrupted."""
_DAY = 86_400.0


class BackOffice:
    """`setup_token` is for the console: set while there is no administrator."""

    def __init__(
        self, settings: Settings, state: State, apply: Callable[[Directory], None], origins: Mapping[str, str]
    ) -> None:
        self._settings, self._state, self._apply, self._origins = settings, state, apply, origins
        self._passwords, self._meters, self._hub = Passwords(), Meters(), Hub()
        self._feed = RequestFeed(self._hub, state)
        self._store: Store | None = None
        self._following: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._exporter: Exporter | None = None
        self.setup_token: str | None = None
        self.services: Services | None = None
        self.runner: Runner | None = None
        self.batches: BatchRunner | None = None

    async def open(self, master_key: str, background: Background) -> None:
        """Raises ConfigError for what an operator must mend, StorageUnavailable for a database that is not there."""
        settings, state = self._settings, self._state
        first_admin = configured_admin(
            settings.ui_username, settings.ui_password.get_secret_value() if settings.ui_password else None
        )
        collector = trace_collector(settings)
        self._store = store = await open_store(settings)
        state.storage_trouble = lambda: store.trouble
        administration = await self._administer(store, master_key)
        setup = SetupToken(settings.state_dir)
        await self._admit(first_admin, setup, administration)
        await self._open_counters(store, administration.directory)
        note = partial(note_tries, history=state.history)
        state.recorder = Recorder(store, listeners=[self._meters.observe, self._feed.end, note])
        self._trace(state.recorder, collector)
        state.recorder.start()
        self.runner = open_runner(settings, store.jobs, administration.directory.base.sealer)
        self.runner.start()
        self.batches = open_batches(settings, store)
        files = FileDesk(store.files, store.batches, self.batches.limits)
        self._following = asyncio.create_task(_follow(administration, store), name="follow the store")
        background.keep(Periodic("retention", _PRUNING, self._prune, at_once=False))
        self.services = Services(
            state,
            store,
            UsageReports(store),
            administration,
            Sessions(store),
            self._passwords,
            Throttle(store),
            setup,
            self._hub,
            Desk(store.jobs, self.runner),
            files,
            BatchDesk(store.batches, files, self.batches),
            time.time(),
            settings.cors_origins,
        )

    async def _administer(self, store: Store, master_key: str) -> Administration:
        """Puts in force what is configured; a database that is empty may be filled from a backup first."""
        settings = self._settings
        for note in store.notes:
            log.warning("%s", note)
        if settings.seed_file:
            await seed(store, settings.seed_file)
        await store.add_prices(list(configured_prices(settings, time.time())))
        directory = Directory(base(settings, self._state.engines, master_key, self._origins))
        administration = Administration(replace(directory, facts=tuple(await store.prices())), store, self._enforce)
        await administration.follow()
        self._enforce(administration.directory)
        return administration

    async def _admit(self, first: FirstAdmin | None, setup: SetupToken, administration: Administration) -> None:
        """The administrator that the environment names; while there is none at all, whoever has the token."""
        if first:
            await ensure_admin(administration, self._passwords, first)
        if has_admin(administration.directory):
            setup.spend()
        else:
            self.setup_token = setup.show()

    def watched(self, board: CatalogBoard) -> Watched:
        """What `/metrics` and `/stats` show; only once it is open."""
        state, token = self._state, self._settings.metrics_token
        assert state.recorder and self.batches
        runner = self.batches

        def catalog_age() -> float | None:
            return time.time() - board.outcome.at / 1000 if board.outcome else None

        key = token.get_secret_value() if token else None
        return Watched(state, self._meters, state.recorder, state.cache, key, catalog_age, lambda: runner.figures)

    def tell_catalog(self, catalog: Catalog, changes: Sequence[Change]) -> None:
        """For the live view; the board calls it when a refresh changed something."""
        told = [one.document() for one in changes[:_MOST_TOLD]]
        self._hub.publish("catalog", {"at": catalog.at, "changes": told, "total": len(changes)})

    async def close(self) -> None:
        """Nothing that was recorded is lost."""
        if self._following:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2)
        await settled()
        if self._state.recorder:
            await self._state.recorder.aclose()
        if self._exporter:
            await self._exporter.aclose()
        await self._state.counters.aclose()
        self._passwords.close()
        if self._store:
            await self._store.close()

    def _enforce(self, directory: Directory) -> None:
        before = self._state.snapshot.providers
        self._apply(directory)
        for id, provider in self._state.snapshot.providers.items():
            if before.get(id) != provider:
                self._state.dispatcher.vitals.renew(id, time.monotonic())
        self._hub.publish("changed", {"revision": directory.revision})
        if self.services:
            self._later(self._recount(self.services.administration.directory, directory))

    async def _recount(self, before: Directory, after: Directory) -> None:
        """Counts nothing for who is gone, and lets a new budget begin with what was spent already."""
        assert self._store
        for kind, resource in SCOPES.items():
            if before.table(resource) is not after.table(resource):
                for id in before.table(resource).keys() - after.table(resource).keys():
                    await self._state.counters.forget(f"{kind}:{id}", mark_of(f"{kind}:{id}", before))
        try:
            await self._seed(self._store, after)
        except (StorageFailed, StorageUnavailable) as error:
            log.warning("what was spent cannot be read: %s", error.message)

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _trace(self, recorder: Recorder, collector: Collector | None) -> None:
        """Off unless a collector is named: then nothing is made or loaded for it."""
        if note := ignored(os.environ, collector is not None):
            log.warning("%s", note)
        if collector is None:
            return
        otlp, spans_of = import_module("gateway.observe.otlp"), import_module("gateway.usage.spans").spans_of
        self._exporter = exporter = otlp.Exporter(collector)
        exporter.start()
        recorder.on_rows(lambda rows: exporter.add([span for row in rows for span in spans_of(row)]))
        self._state.traced = self._settings.otel_traces_sampler_arg

    async def _open_counters(self, store: Store, directory: Directory) -> None:
        settings, url = self._settings, self._settings.redis_url
        counters = open_counters(url.get_secret_value() if url else None, settings.workers, settings.state_dir)
        self._state.counters = counters
        await self._seed(store, directory)

    async def _seed(self, store: Store, directory: Directory) -> None:
        """Budgets go on from what was spent in the periods of this moment. The sums are read after the directory, so
        that what it does not know to be reset is never counted for after it."""
        sums = await store.spent([period_name(period, time.time()) for period in PERIODS])
        await self._state.counters.seed_all(windows(sums, directory))

    def learning(self, board: CatalogBoard) -> Periodic:
        """Takes over each new catalog: its models can be asked, its prices are kept with their date."""
        seen: Catalog | None = None

        async def learn() -> None:
            nonlocal seen
            if board.current is not seen and board.outcome is not None:
                current = board.current
                await self._learn(current)
                seen = current

        return Periodic("learn from the catalog", _LEARNING, learn)

    async def _learn(self, catalog: Catalog) -> None:
        assert self.services and self._store
        administration = self.services.administration
        provider = chutes_provider(administration.directory.snapshot.providers)
        if provider is not None:
            await self._store.add_prices(await in_thread(list, catalog_prices(catalog, provider.id)))
        await administration.learn(catalog, await self._store.prices())

    async def _prune(self) -> None:
        assert self._store
        kept, now = self._settings.retention, time.time()
        await self._store.jobs.interrupt_old(now - _GONE, self._settings.jobs.retention_hours * 3600)
        await self._store.files.sweep()
        gone = await self._store.prune(
            Retention(
                usage_before=now - kept.usage_days * _DAY,
                bodies_before=now - kept.bodies_days * _DAY,
                hours_before=now - kept.hours_days * _DAY,
                audit_before=now - kept.audit_days * _DAY,
                jobs_before=now,
                max_bytes=int(kept.max_gb * 2**30),
            )
        )
        if any(gone.values()):
            log.info("retention: removed %s", ", ".join(f"{count} {name}" for name, count in gone.items() if count))


async def _follow(administration: Administration, store: Store) -> None:
    """Takes over what other workers, instances and the command line wrote, as soon as it is seen. What keeps it from
    that is said once a minute."""
    say_from = 0.0
    while True:
        try:
            await store.wait_for_change(administration.directory.revision, _FOLLOWING)
            await administration.follow()
        except (StorageUnavailable, StorageFailed) as error:
            if time.monotonic() >= say_from:
                say_from = time.monotonic() + _SAY_AGAIN
                log.error("changes by others cannot be read: %s", error.message)
            await asyncio.sleep(1)
        except Exception:
            if time.monotonic() >= say_from:
                say_from = time.monotonic() + _SAY_AGAIN
                log.exception("a change by others could not be taken over")
            await asyncio.sleep(5)
