"""`Refresher`: asks all sources side by side, merges in a thread, swaps the board. Called at start, by the periodic
task, by `POST /catalog/refresh` and by the CLI."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.catalog.board import CatalogBoard, RefreshOutcome, SourceOutcome
from gateway.catalog.catalog import Catalog
from gateway.catalog.changes import Change, changes, track
from gateway.catalog.client import JsonClient
from gateway.catalog.documents import let_go, loads
from gateway.catalog.facts import Facts
from gateway.catalog.fields import CHUTES_LIST, LLM, LOCAL_ENGINES, SNAPSHOT
from gateway.catalog.history import History
from gateway.catalog.shelf import Shelf
from gateway.catalog.sources.base import CatalogSource
from gateway.catalog.threads import in_thread
from gateway.errors import GatewayError

log = logging.getLogger("gateway.catalog")

_EARLY = 0.85
"""Share of its time after which a copy is asked for anew: periodic refreshes come up to a tenth earlier than planned,
and must not find that everything is fresh for another minute."""

Progress = Callable[[str, str], None]
"""Source and what became of it."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """`document` is None where nothing was ever heard, and bytes of JSON where it is a copy."""

    source: CatalogSource
    document: Any
    at: int
    fetched: bool
    seconds: float
    error: str = ""


class Refresher:
    """Used on one event loop at a time. `sources` is asked at each refresh, as providers and engines come and go."""

    def __init__(
        self,
        sources: Callable[[], Sequence[CatalogSource]],
        client: JsonClient,
        shelf: Shelf,
        history: History,
        board: CatalogBoard,
    ) -> None:
        self._sources = sources
        self._client = client
        self._shelf = shelf
        self._history = history
        self._board = board
        self._running: asyncio.Task[RefreshOutcome] | None = None
        self._replaced: list[Catalog] = []

    async def restore(self) -> RefreshOutcome:
        """What can be had at once: the copies on disk, the engines, the bundled snapshot. Asks nobody."""
        heard = await asyncio.gather(
            *(self._remember(source, "not asked since the start") for source in self._sources())
        )
        return await self._take(heard, time.monotonic())

    async def refresh(self, *, force: bool = False, progress: Progress | None = None) -> RefreshOutcome:
        """Sources whose copy is fresh are asked only if `force`. Never raises for a source that fails. Callers who
        come while one runs get its outcome."""
        if self._running is None or self._running.done():
            self._running = asyncio.ensure_future(self._refresh(force, progress or (lambda source, what: None)))
        return await asyncio.shield(self._running)

    @property
    def is_running(self) -> bool:
        return self._running is not None and not self._running.done()

    def ttls(self) -> dict[str, float]:
        """Seconds for which the copy of each file is fresh."""
        return {source.file: source.ttl for source in self._sources() if source.file}

    async def aclose(self) -> None:
        if self._running and not self._running.done():
            self._running.cancel()
            await asyncio.wait([self._running])

    async def _refresh(self, force: bool, progress: Progress) -> RefreshOutcome:
        began = time.monotonic()

        async def one(source: CatalogSource) -> _Heard:
            heard = await self._hear(source, force)
            progress(source.name, heard.error or ("asked" if heard.fetched else "still fresh"))
            return heard

        return await self._take(await asyncio.gather(*map(one, self._sources())), began)

    async def _hear(self, source: CatalogSource, force: bool) -> _Heard:
        began = time.monotonic()
        copy = await self._shelf.get(source.file) if source.file else None
        if copy and not force and copy.fresh(self._shelf.clock(), _EARLY * source.ttl):
            return _Heard(source, copy.body, copy.at, False, 0.0)
        try:
            async with asyncio.timeout(source.timeout):
                document = await source.fetch(self._client)
        except TimeoutError:
            return await self._remember(source, f"no answer within {source.timeout:g} s", began)
        except GatewayError as error:
            return await self._remember(source, error.message, began)
        except Exception as error:
            log.exception("the source %s failed", source.name)
            return await self._remember(source, type(error).__name__, began)
        if copy and (fault := await in_thread(_no_good, source, document, self._shelf.clock())):
            return await self._remember(source, fault, began)
        if not source.file:
            return _Heard(source, document, self._shelf.clock(), True, time.monotonic() - began)
        copy = await self._shelf.put(source.file, document)
        await asyncio.to_thread(let_go, document)
        return _Heard(source, copy.body, copy.at, True, time.monotonic() - began)

    async def _remember(self, source: CatalogSource, reason: str, began: float | None = None) -> _Heard:
        seconds = time.monotonic() - began if began else 0.0
        if not source.file:
            try:
                return _Heard(source, await source.fetch(self._client), self._shelf.clock(), False, seconds)
            except GatewayError as error:
                return _Heard(source, None, 0, False, seconds, error.message)
        copy = await self._shelf.get(source.file)
        if copy is None:
            return _Heard(source, None, 0, False, seconds, reason)
        fresh = began is None and copy.fresh(self._shelf.clock(), source.ttl)
        return _Heard(source, copy.body, copy.at, False, seconds, "" if fresh else reason)

    async def _take(self, heard: Sequence[_Heard], began: float) -> RefreshOutcome:
        """Only swapping happens on the loop; the next time frees what was replaced, when nobody uses it any more."""
        at, before = self._shelf.clock(), self._board.current
        catalog, changed, outcomes = await in_thread(self._build, heard, at, before)
        self._replaced.append(before)
        outcome = RefreshOutcome(at, time.monotonic() - began, len(catalog.models), outcomes, changed)
        self._board.swap(catalog, outcome)
        return outcome

    def _build(
        self, heard: Sequence[_Heard], at: int, before: Catalog
    ) -> tuple[Catalog, tuple[Change, ...], tuple[SourceOutcome, ...]]:
        _free(self._replaced)
        facts = [_facts(one) for one in heard]
        catalog = Catalog.of(_without_old_news(facts), at)
        tracked = track(catalog.models)
        changed: tuple[Change, ...] = ()
        if _is_live(catalog):
            changed = changes(track(before.models), tracked) if _is_live(before) else ()
            try:
                self._history.keep(at, tracked)
            except OSError as error:
                log.warning("a version of the catalog cannot be kept: %s", error.strerror or type(error).__name__)
        outcomes = tuple(
            SourceOutcome(
                one.source.name, one.source.gateway, len(said.models), said.at, one.fetched, round(one.seconds, 3),
                one.error,
            )
            for one, said in zip(heard, facts, strict=True)
        )  # fmt: skip
        return catalog, changed, outcomes


def _free(replaced: list[Catalog]) -> None:
    """Model by model, as to free a whole catalog keeps every thread waiting."""
    held: list[object] = []
    for catalog in replaced:
        held += [*catalog.models, *catalog.report.matches, *catalog.report.conflicts]
        del catalog
    replaced.clear()
    while held:
        held.pop()


def _facts(heard: _Heard) -> Facts:
    """A document that its own reader cannot read is as good as none."""
    if heard.document is None:
        return Facts(heard.source.name, heard.source.gateway, stale=heard.error or "never heard")
    try:
        document = loads(heard.document) if isinstance(heard.document, bytes) else heard.document
        facts = heard.source.read(document, heard.at)
        let_go(document)
    except Exception as error:
        log.exception("what the source %s said cannot be read", heard.source.name)
        return Facts(heard.source.name, heard.source.gateway, stale=f"unreadable: {type(error).__name__}")
    return replace(facts, stale=heard.error) if heard.error else facts


def _no_good(source: CatalogSource, document: Any, at: int) -> str:
    """Why a document must not take the place of the last good copy: none of its rows can be used, or it is a list of
    Chutes without any. Empty where it may."""
    try:
        facts = source.read(document, at)
    except Exception as error:
        log.exception("what the source %s said cannot be read", source.name)
        return f"unreadable: {type(error).__name__}"
    if facts.models:
        return ""
    if facts.rejected:
        return f"none of its {len(facts.rejected)} rows can be read"
    return "its list is empty" if source.name in (CHUTES_LIST, LLM) else ""


def _without_old_news(facts: list[Facts]) -> list[Facts]:
    """Once the list of chutes was heard, the bundled snapshot has nothing to add but models that are gone."""
    listed = any(one.source == CHUTES_LIST and one.models for one in facts)
    return [one for one in facts if not (listed and one.source == SNAPSHOT)]


def _is_live(catalog: Catalog) -> bool:
    """Whether any source beside the snapshot and this machine was heard: else nothing is worth remembering."""
    return any(one.rows for one in catalog.report.sources if one.source not in (SNAPSHOT, LOCAL_ENGINES))
