"""`Recorder`: usage rows on their way to the store. The pipeline records in memory; a task writes batches."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from gateway.errors import StorageFailed, StorageUnavailable
from gateway.usage.spending import Spending
from gateway.usage.types import UsageRow, UsageStore

log = logging.getLogger("gateway.usage")

BATCH = 2_000
"""Rows of one transaction; so many waiting are written at once."""
_PORTION = 100
"""Rows of which listeners hear in one go: less than a millisecond's work for them all."""
_LONGEST_PAUSE = 15.0
_LAST_PAUSE = 0.05
"""Seconds after a failure while the recorder closes."""
_SAY_AGAIN = 60.0
_MAX_TEXT = 256
"""Characters kept of a name that callers choose."""

Listener = Callable[[Sequence[UsageRow]], None]
_names = attrgetter("model", "upstream_model", "route", "error_code")


@dataclass(slots=True)
class Counts:
    """Since the start. `failures` are batches that the store refused, `bodies_dropped` bodies that found no room."""

    written: int = 0
    dropped: int = 0
    bodies_dropped: int = 0
    failures: int = 0


class Recorder:
    """At most `capacity` rows and `body_bytes` of bodies wait. Past that the oldest rows go and are counted, but what
    they cost is still booked. A row is written within `interval` seconds while the store works.

    `record` and the listeners run on the loop of `start`. Listeners get every row once, some at a time, off the
    request's path, and must not block.
    """

    def __init__(
        self,
        store: UsageStore,
        *,
        capacity: int = 20_000,
        interval: float = 0.5,
        body_bytes: int = 64 * 2**20,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.counts = Counts()
        self._store, self._capacity, self._interval = store, capacity, interval
        self._body_bytes = body_bytes
        self._listeners = list(listeners)
        self._new: list[UsageRow] = []
        self._heard: list[UsageRow] = []
        self._writing: Sequence[UsageRow] = ()
        self._bodies = 0
        self._size = BATCH
        self._owed = Spending()
        self._some, self._many = asyncio.Event(), asyncio.Event()
        self._asked: asyncio.Future[None] | None = None
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self._said = float("-inf")

    @property
    def waiting(self) -> int:
        """Rows that are not in the store yet."""
        return len(self._new) + len(self._heard) + len(self._writing)

    def on_rows(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def record(self, row: UsageRow) -> None:
        """Never waits, never fails."""
        new = self._new
        new.append(row)
        if row.request_body is not None or row.response_body is not None:
            self._admit_bodies(row)
        if len(new) == 1:
            self._some.set()
        elif len(new) == _PORTION:
            asyncio.get_running_loop().call_soon(self._tell)

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="usage recorder")

    async def settle(self, within: float = 1.0) -> None:
        """Until the store was given what is recorded so far, at most `within` seconds: for who reads it now."""
        if self.waiting:
            self._asked = self._asked or asyncio.get_running_loop().create_future()
            self._many.set()
            await asyncio.wait({self._asked}, timeout=within)

    async def aclose(self, deadline: float = 10.0) -> None:
        """Writes everything that waits; what the store has not taken within `deadline` seconds is counted as lost."""
        self._closing = True
        self._some.set()
        self._many.set()
        if self._task is None:
            self.start()
        assert self._task
        done, _ = await asyncio.wait({self._task}, timeout=deadline)
        if not done:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self.waiting:
            self.counts.dropped += self.waiting
            log.error("%d usage rows could not be written before the end", self.waiting)

    def _admit_bodies(self, row: UsageRow) -> None:
        size = _body_size(row)
        if self._bodies + size > self._body_bytes:
            row.request_body = row.response_body = None
            self.counts.bodies_dropped += 1
        else:
            self._bodies += size

    def _make_room(self) -> None:
        """Rows of a batch being written stay: whether the store has them is not known."""
        if (excess := self.waiting - self._capacity) > 0:
            gone = _taken(self._heard, excess)
            self.counts.dropped += len(gone)
            self._bodies -= sum(map(_body_size, gone))
            self._owed.add(gone)

    # --- the task ------------------------------------------------------------------------------------

    async def _run(self) -> None:
        pause = 0.0
        while True:
            if not (self._new or self._heard or self._owed) and not self._closing:
                self._some.clear()
                await self._some.wait()
            if len(self._heard) < BATCH and self._asked is None:
                self._many.clear()
            if self._closing:
                await asyncio.sleep(min(pause, _LAST_PAUSE))
            else:
                await self._sleep(max(pause, self._interval))
            asked, self._asked = self._asked, None
            self._tell()
            written = await self._write_all()
            if asked is not None:
                asked.set_result(None)
            if self._closing and not (self.waiting or self._owed or self._asked):
                return
            pause = 0.0 if written else min(max(pause * 2, self._interval), _LONGEST_PAUSE)

    async def _sleep(self, seconds: float) -> None:
        """Until then, or until a batch is full; a pause after a failure is not cut short by more rows."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._closing:
            try:
                await asyncio.wait_for(self._many.wait(), left)
            except TimeoutError:
                return
            if seconds <= self._interval:
                return
            self._many.clear()

    def _tell(self) -> None:
        """Listeners hear of rows before the store has them, and also when the store is down."""
        if self._new:
            rows, self._new = self._new, []
            _tidy(rows)
            for listener in self._listeners:
                try:
                    listener(rows)
                except Exception:
                    log.exception("a listener failed on usage rows")
            self._heard.extend(rows)
        self._make_room()
        if len(self._heard) >= BATCH:
            self._many.set()

    async def _write_all(self) -> bool:
        """Whether the store took what was heard of by now. A batch is one transaction, with what its rows cost. What
        comes meanwhile waits for the next round: written a few at a time, a row takes three times as long."""
        due = len(self._heard)
        while (due > 0 and self._heard) or self._owed:
            batch = _taken(self._heard, min(self._size, due))
            owed, self._owed = self._owed, Spending()
            self._writing = batch
            try:
                await self._store.append(batch, owed.with_rows(batch).spends())
            except (StorageFailed, StorageUnavailable) as error:
                self._put_back(batch, owed)
                self._complain(error)
                return False
            except Exception:
                self._take_apart(batch, owed)
            except BaseException:
                self._put_back(batch, owed)
                raise
            else:
                due -= len(batch)
                self._size = min(self._size * 2, BATCH)
                self.counts.written += len(batch)
                if self._bodies:
                    self._bodies -= sum(map(_body_size, batch))
            finally:
                self._writing = ()
        return True

    def _put_back(self, batch: Sequence[UsageRow], owed: Spending) -> None:
        self._heard[:0] = batch
        self._owed.join(owed)

    def _take_apart(self, batch: Sequence[UsageRow], owed: Spending) -> None:
        """The store chokes on something in here: smaller batches find it, so that one bad row costs only itself."""
        if len(batch) > 1:
            self._put_back(batch, owed)
            self._size = len(batch) // 2
        elif batch:
            log.exception("the usage row of %s cannot be stored", batch[0].request_id)
            self.counts.dropped += 1
            self._bodies -= _body_size(batch[0])
            self._owed.join(owed.with_rows(batch))
        else:
            log.exception("what was spent cannot be stored: %s", owed.spends())

    def _complain(self, error: Exception) -> None:
        self.counts.failures += 1
        now = time.monotonic()
        if now - self._said >= _SAY_AGAIN:
            self._said = now
            log.error("usage rows cannot be written, %d wait: %s", self.waiting, error)


def _taken(rows: list[UsageRow], most: int) -> Sequence[UsageRow]:
    """The first of them, at most so many, which it removes."""
    taken = rows[:most]
    del rows[:most]
    return taken


def _body_size(row: UsageRow) -> int:
    return len(row.request_body or b"") + len(row.response_body or b"")


def _tidy(rows: Sequence[UsageRow]) -> None:
    """Names as callers sent them are cut short and freed of what a database cannot hold. Nearly always all are tidy."""
    names = list(map("".join, map(_names, rows)))
    if max(map(len, names)) <= _MAX_TEXT and _is_plain("".join(names)):
        return
    for row in rows:
        row.model = _clean(row.model)
        row.upstream_model = _clean(row.upstream_model)
        row.route = _clean(row.route)
        row.error_code = _clean(row.error_code)


def _clean(text: str) -> str:
    if len(text) <= _MAX_TEXT and _is_plain(text):
        return text
    return text[:_MAX_TEXT].replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _is_plain(text: str) -> bool:
    return text.isascii() and "\0" not in text
