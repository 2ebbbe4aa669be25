"""`BatchRunner`: the batches that this process works on. Made by the back office; the app tells it how to ask.

Each worker takes the oldest batch that nobody works on, keeps it by renewing a lease, and gives it back when it stops.
"""

import asyncio
import logging
import os
import socket
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from secrets import token_hex

from gateway.batches.work import Ask, BatchLimits, Lost, Recorded, Work
from gateway.errors import StorageFailed, StorageUnavailable
from gateway.store.batches import BatchStore
from gateway.store.files import FileStore

log = logging.getLogger("gateway.batches")

_MOST = 4
"""Batches that one worker works on at a time; further ones wait."""
_TURN = 60.0
"""Seconds that a batch has at least before it makes room for that of an owner who has none here."""
_LEASE = 15.0
"""Seconds after which a worker that says nothing is taken for dead."""
_POLL, _IDLE = 1.0, 5.0
"""Seconds between two looks at what others want, with batches here and without."""
_SAY_AGAIN = 60.0
"""Seconds after which a trouble that lasts is logged again."""
_LAST_SECONDS = 4.0
"""For keeping the answers of batches that the end of the gateway interrupts."""


@dataclass(frozen=True, slots=True)
class BatchFigures:
    """`open` is of all workers, as of the last look, by status; the others are what this worker did: batches that it
    ended, by status, and requests that were `completed` or `failed`."""

    open: Mapping[str, int] = field(default_factory=dict)
    ended: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)


class BatchRunner:
    def __init__(self, batches: BatchStore, files: FileStore, limits: BatchLimits) -> None:
        self._batches, self._files, self.limits = batches, files, limits
        self._worker = f"{socket.gethostname()}-{os.getpid()}-{token_hex(4)}"
        self._works: dict[str, Work] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ask: Ask | None = None
        self._recorded: Recorded | None = None
        self._minding: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._figures = BatchFigures()

    @property
    def figures(self) -> BatchFigures:
        """Since the start, with what is under way."""
        requests = sum((work.kept for work in self._works.values()), self._figures.requests)
        return replace(self._figures, requests=requests)

    def start(self, ask: Ask, recorded: Recorded) -> None:
        self._ask, self._recorded = ask, recorded
        if self.limits.max_open:
            self._minding = asyncio.create_task(self._mind(), name="mind the batches")

    def wake(self) -> None:
        """There is a new batch, or one to cancel."""
        self._news.set()

    async def drain(self, seconds: float) -> None:
        """What was asked may be answered within `seconds`; the rest is left to whoever comes next."""
        if self._minding is not None:
            self._minding.cancel()
            await asyncio.wait({self._minding})
        for work in self._works.values():
            work.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=max(0.0, seconds))
        for work in self._works.values():
            work.halt()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_LAST_SECONDS)
            for task in late:
                task.cancel()

    async def _mind(self) -> None:
        said = float("-inf")
        while True:
            self._news.clear()
            try:
                await self._look()
                self._figures = replace(self._figures, open=await self._batches.open_counts())
            except (StorageUnavailable, StorageFailed) as error:
                if time.monotonic() - said > _SAY_AGAIN:
                    said = time.monotonic()
                    log.warning("batches cannot be looked after: %s", error.message)
            except Exception:
                log.exception("batches could not be looked after")
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL if self._works else _IDLE):  # wait_for may lose the end to news
                    await self._news.wait()

    async def _look(self) -> None:
        if self._works:
            for id in await self._batches.renew(self._worker, tuple(self._works), _LEASE):
                if id in self._works:
                    self._works[id].cancel()
        if len(self._works) == _MOST:
            await self._make_room()
        while len(self._works) < _MOST:
            row = await self._batches.claim(self._worker, _LEASE, self._owners())
            if row is None:
                break
            assert self._ask and self._recorded
            work = Work(row, self._worker, self._batches, self._files, self._ask, self.limits, self._recorded)
            self._works[row.id] = work
            task = asyncio.create_task(self._follow(work), name=row.id)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _make_room(self) -> None:
        """One whose requests find no room may take days, in which others wait behind it."""
        longest = min(self._works.values(), key=lambda work: work.begun)
        if time.monotonic() - longest.begun >= _TURN and await self._batches.others_wait(self._owners()):
            longest.stop(to_the_end=True)

    def _owners(self) -> set[str]:
        return {work.row.owner for work in self._works.values()}

    async def _follow(self, work: Work) -> None:
        id = work.row.id
        try:
            await work.run()
        except (Lost, StorageUnavailable, StorageFailed) as error:
            log.warning("%s is left to whoever takes it over: %s", id, error or "another works on it")
        except Exception:
            log.exception("%s failed; it is gone on with after a while", id)
        else:
            row = work.row
            if not row.is_open:
                self._figures.ended[row.status] += 1
            counts = {"total": row.total, "completed": row.completed, "failed": row.failed}
            log.info("%s %s", id, "left" if row.is_open else row.status, extra=counts)
        finally:
            del self._works[id]
            self._figures.requests.update(work.kept)
            self._news.set()
