"""Counters in one file, for the workers of one machine without Redis. What a crashed worker had reserved is freed."""

import asyncio
import contextlib
import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from gateway.access.counters.backend import LEASE, REMEMBERED, BackendLost, Booking, Verdict, kept_seconds
from gateway.access.counters.batches import Batches
from gateway.access.counters.clock import SteadyClock
from gateway.access.counters.verdicts import WINDOW, Use, is_full
from gateway.access.limits import Amount, Limits

_BUSY = 1.5
"""Seconds to wait for another worker's transaction."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS clock (id INTEGER PRIMARY KEY, epoch TEXT, latest REAL, offset REAL);
CREATE TABLE IF NOT EXISTS bucket (
    scope TEXT, second INTEGER, requests INTEGER, tokens INTEGER, PRIMARY KEY (scope, second)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parallel (scope TEXT PRIMARY KEY, running INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spent (
    scope TEXT, period TEXT, nanos INTEGER, until REAL, PRIMARY KEY (scope, period)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held (id TEXT PRIMARY KEY, lease REAL, parts TEXT) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS held_lease ON held (lease);
CREATE TABLE IF NOT EXISTS done (id TEXT PRIMARY KEY, until REAL) WITHOUT ROWID;
"""
_SWEEP = 60
_KEPT_PERIODS = 4
"""Budget windows of one kind that a scope keeps in any case, so that a clock set forth and back frees nothing."""
_FORGET_SUMS = """
DELETE FROM spent WHERE until < ? AND ? <= (
    SELECT count(*) FROM spent AS later WHERE later.scope = spent.scope AND later.until > spent.until
        AND substr(later.period, 1, instr(later.period, ':')) = substr(spent.period, 1, instr(spent.period, ':')))
"""
_T = TypeVar("_T")


class FileBackend:
    """A `Backend`. Leases are measured by the machine's monotonic clock, which all its processes share.

    A busy machine is no reason to count alone, so the default patience is long.
    """

    name = "the file of counters"

    def __init__(self, path: Path, lease: float = LEASE, patience: float = 2.0) -> None:
        self._path = path
        self._lease = lease
        self.patience = patience
        self._thread = ThreadPoolExecutor(1, "counters")
        self._batches = Batches(self._send)
        self._db: sqlite3.Connection | None = None
        self._inode = 0
        self._swept = 0.0

    def clock(self, now: float) -> float:
        return now

    async def epoch(self) -> str:
        return await self._do(lambda db: str(db.execute("SELECT epoch FROM clock").fetchone()[0]))

    async def reserve(self, booking: Booking, now: float) -> Verdict:
        return await self._do(lambda db: self._reserve(db, booking, now))

    async def settle(self, booking: Booking, actual: Amount) -> None:
        if booking.settles:
            await self._do(lambda db: _settle(db, booking, actual))

    async def renew(self, ids: Sequence[str]) -> None:
        rows = [(time.monotonic() + self._lease, id) for id in ids]
        await self._do(lambda db: db.executemany("UPDATE held SET lease = ? WHERE id = ?", rows))

    async def add(self, id: str, spends: Mapping[tuple[str, str], tuple[int, int]]) -> None:
        await self._do(lambda db: _add(db, id, spends))

    async def forget(self, scope: str, mark: str) -> None:
        await self._do(lambda db: [db.execute(f"DELETE FROM {t} WHERE scope = ?", (scope,)) for t in _OF_SCOPE])  # noqa: S608

    async def aclose(self) -> None:
        await self._batches.aclose()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    # --- in the thread ---------------------------------------------------------------------------------------

    async def _do(self, step: Callable[[sqlite3.Connection], _T]) -> _T:
        answer: _T = await self._batches.ask(step)
        return answer

    async def _send(self, steps: Sequence[Callable[[sqlite3.Connection], Any]]) -> list[Any]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, steps)

    def _transact(self, steps: Sequence[Callable[[sqlite3.Connection], Any]]) -> list[Any]:
        """All of the steps in one transaction: if one fails, none was taken."""
        try:
            if self._db is None or self._path.stat().st_ino != self._inode:
                self._close()
                self._db = _open(self._path)
                self._inode = self._path.stat().st_ino
            with _transaction(self._db) as db:
                return [step(db) for step in steps]
        except (sqlite3.Error, OSError) as error:
            if type(error) is sqlite3.DatabaseError:
                self._remove()
            raise BackendLost(str(error)) from error

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _remove(self) -> None:
        """A damaged file is begun anew: what was spent comes back from what the processes know."""
        self._close()
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def _reserve(self, db: sqlite3.Connection, booking: Booking, now: float) -> Verdict:
        epoch, latest, offset = db.execute("SELECT epoch, latest, offset FROM clock").fetchone()
        clock = SteadyClock(latest, offset)
        steady = clock.read(now)
        second = int(steady)
        db.execute("UPDATE clock SET latest = ?, offset = ?", (clock.latest, clock.offset))
        _reap(db, self._lease)
        if abs(time.monotonic() - self._swept) >= _SWEEP:
            self._swept = time.monotonic()
            _sweep(db, second, now)
        most = booking.most
        pairs = list(zip(booking.scopes, booking.periods, strict=True))
        uses = [_use(db, limits, period, most, second, steady) for limits, period in pairs]
        if any(is_full(limits, use, most) for limits, use in zip(booking.scopes, uses, strict=True)):
            return Verdict(False, uses, second, epoch)
        for limits, period in pairs:
            _book(db, limits, period, most, second, now)
        if booking.settles:
            parts = [[limits.scope, limits.max_parallel is not None, period, most.nanos] for limits, period in pairs]
            row = (booking.id, time.monotonic() + self._lease, json.dumps(parts))
            db.execute("INSERT INTO held VALUES (?, ?, ?)", row)
        return Verdict(True, uses, second, epoch)


_OF_SCOPE = ("bucket", "parallel", "spent")


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    db = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    _log_ahead(db)
    db.execute("PRAGMA synchronous = OFF")
    with _transaction(db):
        for statement in _SCHEMA.split(";"):
            db.execute(statement)
        db.execute("INSERT OR IGNORE INTO clock VALUES (1, ?, 0, 0)", (secrets.token_hex(8),))
    return db


def _log_ahead(db: sqlite3.Connection) -> None:
    """SQLite waits for nobody at this step, where processes that begin a file together meet for a moment."""
    until = time.monotonic() + _BUSY
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() >= until:
                raise
            time.sleep(0.005)


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _use(db: sqlite3.Connection, limits: Limits, period: str, most: Amount, second: int, steady: float) -> Use:
    requests = tokens = parallel = spent = 0
    requests_wait = tokens_wait = 0.0
    if limits.rpm is not None or limits.tpm is not None:
        asked = "SELECT second, requests, tokens FROM bucket WHERE scope = ? AND second > ? ORDER BY second"
        buckets = db.execute(asked, (limits.scope, second - WINDOW)).fetchall()
        requests, tokens = sum(row[1] for row in buckets), sum(row[2] for row in buckets)
        requests_wait = _wait([(at, n) for at, n, _ in buckets], requests + 1 - (limits.rpm or 0), steady)
        tokens_wait = _wait([(at, n) for at, _, n in buckets], tokens + most.tokens - (limits.tpm or 0), steady)
    if limits.max_parallel is not None:
        row = db.execute("SELECT running FROM parallel WHERE scope = ?", (limits.scope,)).fetchone()
        parallel = row[0] if row else 0
    if period:
        row = db.execute("SELECT nanos FROM spent WHERE scope = ? AND period = ?", (limits.scope, period)).fetchone()
        spent = row[0] if row else 0
    return Use(requests, tokens, parallel, spent, requests_wait, tokens_wait)


def _wait(buckets: Sequence[tuple[int, int]], excess: int, steady: float) -> float:
    for second, count in buckets:
        if excess <= 0:
            break
        excess -= count
        if excess <= 0:
            return second + WINDOW - steady
    return 0.0


def _book(db: sqlite3.Connection, limits: Limits, period: str, most: Amount, second: int, now: float) -> None:
    if limits.rpm is not None or limits.tpm is not None:
        tokens = most.tokens if limits.tpm is not None else 0
        db.execute(
            "INSERT INTO bucket VALUES (?, ?, 1, ?) ON CONFLICT DO UPDATE"
            " SET requests = requests + 1, tokens = tokens + excluded.tokens",
            (limits.scope, second, tokens),
        )
    if limits.max_parallel is not None:
        add_one = "INSERT INTO parallel VALUES (?, 1) ON CONFLICT DO UPDATE SET running = running + 1"
        db.execute(add_one, (limits.scope,))
    if period:
        _spend(db, limits.scope, period, most.nanos, now)


def _spend(db: sqlite3.Connection, scope: str, period: str, nanos: int, now: float) -> None:
    kept = kept_seconds(period)
    db.execute(
        "INSERT INTO spent VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET nanos = nanos + excluded.nanos, until = excluded.until",
        (scope, period, nanos, now + kept if kept else None),
    )


def _leave(db: sqlite3.Connection, scope: str) -> None:
    db.execute("UPDATE parallel SET running = running - 1 WHERE scope = ?", (scope,))
    db.execute("DELETE FROM parallel WHERE scope = ? AND running <= 0", (scope,))


def _settle(db: sqlite3.Connection, booking: Booking, actual: Amount) -> None:
    now = time.time()
    if db.execute("INSERT OR IGNORE INTO done VALUES (?, ?)", (booking.id, now + REMEMBERED)).rowcount == 0:
        return
    held = db.execute("DELETE FROM held WHERE id = ?", (booking.id,)).rowcount > 0
    for limits, period in zip(booking.scopes, booking.periods, strict=True):
        if held and limits.tpm is not None:
            more = actual.tokens - booking.most.tokens
            change = "UPDATE bucket SET tokens = tokens + ? WHERE scope = ? AND second = ?"
            db.execute(change, (more, limits.scope, booking.second))
        if held and limits.max_parallel is not None:
            _leave(db, limits.scope)
        if period:
            _spend(db, limits.scope, period, actual.nanos - (booking.most.nanos if held else 0), now)


def _add(db: sqlite3.Connection, id: str, spends: Mapping[tuple[str, str], tuple[int, int]]) -> None:
    now = time.time()
    if db.execute("INSERT OR IGNORE INTO done VALUES (?, ?)", (id, now + REMEMBERED)).rowcount == 0:
        return
    for (scope, period), (floor, more) in spends.items():
        row = db.execute("SELECT nanos FROM spent WHERE scope = ? AND period = ?", (scope, period)).fetchone()
        _spend(db, scope, period, max(0, floor - (row[0] if row else 0)) + more, now)


def _reap(db: sqlite3.Connection, lease: float) -> None:
    """Undoes reservations of processes that died. A lease far ahead was made before the machine started again."""
    clock = time.monotonic()
    asked = "SELECT id, parts FROM held WHERE lease < ? OR lease > ? LIMIT 20"
    for id, parts in db.execute(asked, (clock, clock + 2 * lease)).fetchall():
        for scope, slot, period, nanos in json.loads(parts):
            if slot:
                _leave(db, scope)
            if period:
                _spend(db, scope, period, -nanos, time.time())
        db.execute("DELETE FROM held WHERE id = ?", (id,))


def _sweep(db: sqlite3.Connection, second: int, now: float) -> None:
    db.execute("DELETE FROM bucket WHERE second <= ?", (second - WINDOW,))
    db.execute(_FORGET_SUMS, (now, _KEPT_PERIODS))
    db.execute("DELETE FROM done WHERE until < ?", (now,))
