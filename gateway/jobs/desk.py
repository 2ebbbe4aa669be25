"""`Desk`: what callers may know and want of their jobs, whichever worker runs them. Called by the routes of `api`."""

import asyncio
import time

from gateway.errors import Conflict, NotFound
from gateway.jobs.answer import cancelled, interrupted
from gateway.jobs.runner import LEASE, Runner
from gateway.store.job_rows import JobRow, JobStatus
from gateway.store.jobs import JobStore

CANCELLING = 3.0
"""Seconds for which a cancelling waits for its end: another worker sees it within one."""
_LOOK = 0.1
_MOST_LATE = 10_000


class Desk:
    """`owner` None everywhere: somebody who may see the jobs of all."""

    def __init__(self, store: JobStore, runner: Runner) -> None:
        self._store, self._runner = store, runner
        self._late: dict[str, tuple[float, float]] = {}
        """Of jobs whose lease ran out: their lease, and since when (monotonic) it was seen so."""

    async def find(self, id: str, owner: str | None, param: str = "id") -> JobRow:
        """Raises NotFound, also for what is another's; `param` names the caller's field."""
        row = await self._store.find(id)
        if row is not None and self._is_orphan(row):
            await self._store.interrupt(id, self._runner.limits.retention)
            row = await self._store.find(id)
        if row is None or (owner is not None and row.owner != owner):
            text = "There is no such job. It was removed, its time is over, or it is another key's."
            raise NotFound(text, param=param)
        return row

    async def listed(self, owner: str | None, limit: int, after: str | None) -> tuple[list[JobRow], bool]:
        """Newest first, and whether there are more."""
        behind = await self.find(after, owner, "after") if after else None
        rows = await self._store.listed(owner, limit + 1, behind)
        if orphans := [row for row in rows if self._is_orphan(row)]:
            for row in orphans:
                await self._store.interrupt(row.id, self._runner.limits.retention)
            rows = await self._store.listed(owner, limit + 1, behind)
        return rows[:limit], len(rows) > limit

    async def result(self, row: JobRow) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body, exactly as they would have come. Raises Conflict while there is none."""
        if row.is_open:
            raise Conflict("The job still runs: ask again later.", code="job_running", retry_after=5)
        if row.http_status is None:
            raise cancelled() if row.status is JobStatus.CANCELLED else interrupted()
        return row.http_status, dict(row.headers), await self._store.read_body(row.id)

    async def cancel(self, row: JobRow) -> JobRow:
        """As it is then: one that has ended stays as it is."""
        if not row.is_open:
            return row
        if not self._runner.cancel(row.id):
            await self._store.wish_cancelled(row.id)
        until = time.monotonic() + CANCELLING
        while row.is_open and time.monotonic() < until:
            await asyncio.sleep(_LOOK)
            row = await self._store.find(row.id) or row
        return row

    async def remove(self, row: JobRow) -> None:
        await self._store.remove(row.id)

    def _is_orphan(self, row: JobRow) -> bool:
        """Whether its worker is gone: its lease ran out, and for as long as a lease nobody renewed it. Clocks that
        differ, a clock that is set and a database that was away end no job so."""
        if not row.is_open or row.lease_until >= time.time() or self._runner.runs(row.id):
            self._late.pop(row.id, None)
            return False
        now = time.monotonic()
        lease, since = self._late.get(row.id, (0.0, now))
        if lease == row.lease_until:
            return now - since >= LEASE
        self._late[row.id] = (row.lease_until, now)
        if len(self._late) > _MOST_LATE:
            del self._late[next(iter(self._late))]
        return False
