"""Runs functions on a database off the loop: one thread writes, two read, every wait has an end. For `Store`."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.errors import GatewayError, InvalidRequest, StorageFailed, StorageUnavailable
from gateway.store.engines import Engines, Timing
from gateway.store.failures import UNSTORABLE, collided, translated

Result = TypeVar("Result")
Work = Callable[[Connection], Result]

_READERS = 2
_RECENT = 60.0
"""Seconds for which a failure tells of the database as it is: nothing may be written for long."""


class Lines:
    """The connection each thread uses now, so that one that hangs can be cut from outside."""

    def __init__(self) -> None:
        self._by_thread: dict[int, Any] = {}

    def note(self, connection: Any) -> None:
        """A connection of psycopg; others cannot hang and are not noted."""
        if hasattr(connection, "pgconn"):
            self._by_thread[threading.get_ident()] = connection

    def cut(self, thread: int) -> None:
        connection = self._by_thread.get(thread)
        with suppress(Exception):  # it may just have been closed: then there is nothing to cut
            if connection is not None:
                line = socket.socket(fileno=connection.fileno())
                try:
                    line.shutdown(socket.SHUT_RDWR)
                finally:
                    line.detach()


class _Task:
    """What one thread is to do. Whoever gives up on it finds out whether, and where, it runs."""

    def __init__(self, run: Callable[[], Any]) -> None:
        self._run = run
        self.thread: int | None = None

    def __call__(self) -> Any:
        self.thread = threading.get_ident()
        try:
            return self._run()
        finally:
            self.thread = None


class Database:
    """`write` and `read` run a function of a connection inside one transaction and give its result.

    A connection that broke before the commit is replaced once without telling, as after a restart of the server, and
    a transaction that the server ended because of another is repeated once: `work` may run twice.
    """

    def __init__(self, engines: Engines, timing: Timing, lines: Lines) -> None:
        self.engines = engines
        self.timing = timing
        self._lines = lines
        self._writers = ThreadPoolExecutor(1, "store-writer")
        self._readers = ThreadPoolExecutor(_READERS, "store-reader")
        self._troubles: dict[ThreadPoolExecutor, tuple[str, float]] = {}

    @property
    def trouble(self) -> str:
        """Why the latest write, or else the latest read, found no working database; empty where they did, and when
        that was long ago."""
        since = time.monotonic() - _RECENT
        found = (self._troubles.get(executor) for executor in (self._writers, self._readers))
        return next((message for message, at in filter(None, found) if at > since), "")

    async def write(self, work: Work[Result], *, deadline: float | None = None) -> Result:
        """Raises StorageUnavailable, StorageFailed, or what `work` raises; then nothing was written."""
        return await self._bounded(self._writers, lambda: self._run(self.engines.writer, work), deadline)

    async def read(self, work: Work[Result], *, deadline: float | None = None) -> Result:
        """All statements of `work` see one state of the database."""
        return await self._bounded(self._readers, lambda: self._run(self.engines.reader, work), deadline)

    async def start(self, work: Callable[[], None], deadline: float) -> None:
        """Runs what must be done before anything else, on the thread that writes."""

        def run() -> None:
            try:
                work()
            except DBAPIError as error:
                raise translated(error) from error

        await self._bounded(self._writers, run, deadline)

    async def close(self) -> None:
        """Waits for what is under way, within the time of an operation."""
        for executor in (self._writers, self._readers):
            with suppress(StorageUnavailable):
                await self._bounded(executor, lambda: None, None)
            executor.shutdown(wait=False, cancel_futures=True)
        self.engines.dispose()

    async def _bounded(self, executor: ThreadPoolExecutor, run: Callable[[], Result], deadline: float | None) -> Result:
        try:
            result = await self._awaited(executor, run, deadline)
        except (StorageFailed, StorageUnavailable) as error:
            self._troubles[executor] = error.message, time.monotonic()
            raise
        self._troubles.pop(executor, None)
        return result

    async def _awaited(self, executor: ThreadPoolExecutor, run: Callable[[], Result], deadline: float | None) -> Result:
        task = _Task(run)
        try:
            future: Future[Result] = executor.submit(task)
        except RuntimeError:
            raise StorageUnavailable("The database is closed: the gateway is stopping.") from None
        waiting = asyncio.wrap_future(future)
        waiting.add_done_callback(_forget)  # the caller may have left by then
        done, _ = await asyncio.wait({waiting}, timeout=deadline or self.timing.operation)
        if done:
            return waiting.result()
        if not future.cancel() and (thread := task.thread) is not None:
            self._lines.cut(thread)
        raise StorageUnavailable("The database does not answer in time. Try again in a moment.")

    def _run(self, engine: Engine, work: Work[Result]) -> Result:
        try:
            return self._attempt(engine, work)
        except DBAPIError as error:
            if not (error.connection_invalidated or collided(error)):
                raise translated(error) from error
        except (UnicodeEncodeError, OverflowError) as error:
            raise InvalidRequest(UNSTORABLE) from error
        try:
            return self._attempt(engine, work)
        except DBAPIError as error:
            raise translated(error) from error

    def _attempt(self, engine: Engine, work: Work[Result]) -> Result:
        try:
            connection = engine.connect()
        except PoolTimeout as error:
            raise StorageUnavailable("The database is busy. Try again in a moment.") from error
        with connection:
            self._lines.note(connection.connection.driver_connection)
            transaction = connection.begin()
            try:
                result = work(connection)
            except BaseException:
                with suppress(DBAPIError):  # the connection is gone, and the transaction with it
                    transaction.rollback()
                raise
            try:
                transaction.commit()
            except DBAPIError as error:
                raise _unsure(error) from error
            return result


def _unsure(error: DBAPIError) -> GatewayError:
    """A commit that failed: where the connection broke, nobody knows whether it was kept."""
    if error.connection_invalidated:
        return StorageUnavailable("The database went away while it confirmed the change: look whether it was kept.")
    return translated(error)


def _forget(abandoned: "asyncio.Future[Any]") -> None:
    """Takes the outcome that nobody waits for any more."""
    if not abandoned.cancelled():
        abandoned.exception()
