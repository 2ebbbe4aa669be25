"""`Store`: everything that outlives the process, behind async methods. Made by the app's start-up and by the CLI."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from gateway.access.sessions import Session
from gateway.access.throttle import LoginTry
from gateway.errors import StorageUnavailable
from gateway.store import editing, login_tries, retention, sessions, usage_rows
from gateway.store.batches import BatchStore
from gateway.store.database import Database, Lines, Result, Work
from gateway.store.engines import Engines, Timing, parse_url, postgresql_engines, sqlite_engines
from gateway.store.failures import translated
from gateway.store.files import FileStore
from gateway.store.jobs import JobStore
from gateway.store.notices import Notices, notify
from gateway.store.place import FILE, locate
from gateway.store.records import Audit, AuditFilter, Changes, Delete, Put, Record, Resource
from gateway.store.retention import Retention
from gateway.store.schema import prepare
from gateway.usage.types import Price, Spend, UsageRow

_ALL = AuditFilter()
_TIMING = Timing()
_START_SECONDS = 700
"""Longest upgrade of the schema."""


class Store:
    """Opened once a process, on the loop that uses it. Every method raises StorageUnavailable or StorageFailed.

    `notes` are for the operator, at start. `path` is the SQLite file, None with PostgreSQL.
    """

    def __init__(self, database: Database, path: Path | None, notes: Sequence[str]) -> None:
        self._database = database
        self._notices = Notices(asyncio.get_running_loop())
        self.jobs = JobStore(database)
        self.files = FileStore(database)
        self.batches = BatchStore(database)
        self.path = path
        self.notes = tuple(notes)

    @classmethod
    async def open(cls, url: str | None, state_dir: Path, timing: Timing = _TIMING) -> "Store":
        """The database at `url`, else an SQLite file in `state_dir`; tables are made or brought up to date.

        Raises ConfigError for what an operator must mend, StorageUnavailable where the server cannot be reached.
        """
        lines = Lines()
        engines, path, notes = await asyncio.to_thread(_engines, url, state_dir, timing, lines)
        database = Database(engines, timing, lines)
        try:
            await database.start(partial(prepare, engines, path), _START_SECONDS)
        except StorageUnavailable as error:
            await database.close()
            raise StorageUnavailable(error.message + _led(engines)) from error
        except BaseException:
            await database.close()
            raise
        return cls(database, path, notes)

    @property
    def kind(self) -> str:
        return "postgresql" if self._database.engines.is_postgresql else "sqlite"

    @property
    def trouble(self) -> str:
        """Why the database does not work now, in words for operators; empty where it does."""
        return self._database.trouble

    async def close(self) -> None:
        self._notices.close()
        await self._database.close()

    async def query(self, work: Work[Result], *, deadline: float | None = None) -> Result:
        """Runs a function of a connection that only reads; all of it sees one state. For reports and backups."""
        return await self._database.read(work, deadline=deadline)

    async def change(self, work: Work[Result], *, deadline: float | None = None) -> Result:
        """Runs a function of a connection in the one transaction that writes, and tells followers of it."""

        def told(connection: Connection) -> Result:
            result = work(connection)
            notify(connection)
            return result

        result = await self._database.write(told, deadline=deadline)
        self._notices.tell()
        return result

    # --- records -----------------------------------------------------------------------------------------

    async def write(self, operations: Sequence[Put | Delete], audit: Audit) -> tuple[int, tuple[Record, ...]]:
        """All or nothing, with one audit row: the new revision, and the records that were put, in order.

        Raises Outdated, Conflict (`param` is `id` or `handle`), NotFound or InvalidRequest. Without operations only
        the audit row is added.
        """
        return await self.change(partial(editing.write, operations=operations, told=audit))

    async def read(self, resource: Resource) -> list[Record]:
        """All of one kind, in the order they were created."""
        return await self._database.read(partial(editing.read, resource=resource))

    async def get(self, resource: Resource, id: str) -> Record | None:
        return await self._database.read(partial(editing.get, resource=resource, id=id))

    async def revision(self) -> int:
        return await self._database.read(editing.revision)

    async def changes_since(self, revision: int) -> Changes:
        """What changed after a revision, as of one moment; everything where that is 0 or too long ago."""
        return await self._database.read(partial(editing.changes_since, after=revision))

    async def wait_for_change(self, after_revision: int, timeout: float) -> int:
        """The revision as soon as it is another than `after_revision`, else that one after `timeout` seconds.

        Changes of this process are seen at once, of others in a second. A lost database counts as no change.
        """
        engines = self._database.engines
        if engines.is_postgresql:
            self._notices.listen(engines.reader)
        end = time.monotonic() + timeout
        while True:
            try:
                current = await self.revision()
            except StorageUnavailable:
                current = after_revision
            left = end - time.monotonic()
            if current != after_revision or left <= 0:
                return current
            await self._notices.wait(min(left, self._database.timing.poll))

    async def audits(
        self,
        wanted: AuditFilter = _ALL,
        *,
        limit: int = 100,
        offset: int = 0,
    ) -> tuple[list[Audit], int]:
        """Newest first, and how many there are in all."""
        return await self._database.read(partial(editing.audits, wanted=wanted, limit=limit, offset=offset))

    # --- sessions ----------------------------------------------------------------------------------------

    async def add_session(self, session: Session) -> None:
        await self._database.write(partial(sessions.add, session=session))

    async def find_session(self, digest: str) -> Session | None:
        """None where it expired."""
        return await self._database.read(partial(sessions.find, digest=digest, now=time.time()))

    async def touch_session(self, digest: str, expires_at: float | None = None) -> bool:
        """Notes that it was used now; `expires_at` moves its end. False where it is gone."""
        return await self._database.write(
            partial(sessions.touch, digest=digest, seen=time.time(), expires_at=expires_at)
        )

    async def delete_session(self, digest: str) -> bool:
        return await self._database.write(partial(sessions.remove, digest=digest))

    async def delete_sessions(self, user_id: str, keep: Collection[str] = ()) -> int:
        """Ends all of a user but those named; how many it were."""
        return await self._database.write(partial(sessions.remove_of_user, user_id=user_id, kept=keep))

    async def sessions(self, user_id: str | None = None) -> list[Session]:
        """Those alive, last seen first; of everybody where no user is named."""
        return await self._database.read(partial(sessions.listed, user_id=user_id, now=time.time()))

    async def count_login_try(self, one: LoginTry, now: float) -> float:
        """Counts it and returns 0, or the seconds to wait, and nothing was counted."""
        wait = await self._database.read(partial(login_tries.waiting, one=one, now=now))
        return wait or await self._database.write(partial(login_tries.count, one=one, now=now))

    async def login_succeeded(self, one: LoginTry, now: float) -> None:
        await self._database.write(partial(login_tries.succeeded, one=one, now=now))

    # --- usage -------------------------------------------------------------------------------------------

    async def append(self, rows: Sequence[UsageRow], spends: Sequence[Spend]) -> None:
        await self._database.write(partial(usage_rows.append, rows=rows, spends=spends))

    async def spent(self, periods: Sequence[str], scope: str | None = None) -> Mapping[tuple[str, str], int]:
        """`{(scope, period): nanos}` in these periods, of one scope or of all."""
        return await self._database.read(partial(usage_rows.spent, periods=periods, scope=scope))

    async def last_used(self, key_ids: Sequence[str]) -> Mapping[str, float]:
        """When the newest request of each key arrived, in epoch seconds; those that made none are missing."""
        return await self._database.read(partial(usage_rows.last_uses, key_ids=key_ids))

    async def add_prices(self, prices: Sequence[Price]) -> None:
        await self._database.write(partial(usage_rows.add_prices, new=prices))

    async def prices(self) -> Sequence[Price]:
        return await self._database.read(usage_rows.all_prices)

    # --- housekeeping ------------------------------------------------------------------------------------

    async def prune(self, wanted: Retention) -> dict[str, int]:
        """Deletes what is due, in small transactions; how many rows of each table went. Expired sessions go too."""
        gone = {}
        for step in await self._database.read(partial(retention.steps, wanted=wanted)):
            count = removed = await self._database.write(partial(retention.remove, step=step))
            while removed == retention.BATCH:
                removed = await self._database.write(partial(retention.remove, step=step))
                count += removed
            gone[step.table.name] = count
        gone["sessions"] = await self._database.write(partial(sessions.prune, now=time.time()))
        gone["tombstones"] = await self._database.write(editing.forget_tombstones)
        await self._database.write(retention.shrink)
        return gone


def _led(engines: Engines) -> str:
    """To whom, for those who start it and may have mistyped the address. Never the password."""
    address = engines.writer.url
    if not engines.is_postgresql or not address.host:
        return ""
    return f" DATABASE_URL leads to {address.host}{f':{address.port}' if address.port else ''}."


def _engines(url: str | None, state_dir: Path, timing: Timing, lines: Lines) -> tuple[Engines, Path | None, list[str]]:
    try:
        wanted = parse_url(url) if url else state_dir / FILE
        if not isinstance(wanted, Path):
            return postgresql_engines(wanted, timing, lines.note), None, []
        path, notes = locate(wanted)
        return sqlite_engines(path, timing), path, notes
    except DBAPIError as error:
        raise translated(error) from error
