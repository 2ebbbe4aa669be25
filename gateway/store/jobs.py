"""`JobStore`: the jobs and their answers, behind async methods. Part of `Store`, used by `gateway.jobs`."""

import time
from functools import partial

from sqlalchemy import Connection

from gateway.store import job_rows
from gateway.store.database import Database
from gateway.store.job_rows import JobRow

_BODY_SECONDS = 60.0
"""For reading or writing one answer, which may have many megabytes."""


class JobStore:
    """Every method raises StorageUnavailable or StorageFailed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, row: JobRow, most: int) -> bool:
        """False where its owner has `most` that run already."""
        return await self._database.write(partial(job_rows.add, row=row, most=most))

    async def count_open(self, owner: str) -> int:
        return await self._database.read(partial(job_rows.count_open, owner=owner, now=time.time()))

    async def find(self, id: str) -> JobRow | None:
        """None where it is unknown, was removed or is past its time."""
        return await self._database.read(partial(job_rows.find, id=id, now=time.time()))

    async def listed(self, owner: str | None, limit: int, after: JobRow | None) -> list[JobRow]:
        """Newest first; of everybody where no owner is named."""
        now = time.time()
        return await self._database.read(partial(job_rows.listed, owner=owner, limit=limit, after=after, now=now))

    async def read_body(self, id: str) -> bytes:
        return await self._database.read(partial(job_rows.read_body, id=id), deadline=_BODY_SECONDS)

    async def finish(self, row: JobRow, body: bytes | None, most_kept: int) -> None:
        """Keeps its answer; the oldest ones of the owner go where all together exceed `most_kept` bytes."""

        def work(connection: Connection) -> None:
            job_rows.finish(connection, row, body)
            job_rows.trim(connection, row.owner, most_kept)

        await self._database.write(work, deadline=_BODY_SECONDS)

    async def renew(self, worker: str, until: float) -> None:
        await self._database.write(partial(job_rows.renew, worker=worker, until=until))

    async def wish_cancelled(self, id: str) -> None:
        """For the worker that runs it, wherever that is."""
        await self._database.write(partial(job_rows.wish_cancelled, id=id))

    async def wished(self, worker: str) -> list[str]:
        return await self._database.read(partial(job_rows.wished, worker=worker))

    async def interrupt(self, retention: float) -> int:
        """Marks as failed what nobody works on any more; kept for `retention` seconds from now."""
        now = time.time()
        return await self._database.write(partial(job_rows.interrupt, now=now, expires_at=now + retention))

    async def remove(self, id: str) -> None:
        await self._database.write(partial(job_rows.remove, id=id))
