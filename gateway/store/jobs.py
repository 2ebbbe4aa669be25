"""`JobStore`: the jobs and their answers, behind async methods. Part of `Store`, used by `gateway.jobs`."""

import time
from functools import partial

from sqlalchemy import ColumnElement, Connection

from gateway.store import job_rows
from gateway.store.database import Database
from gateway.store.job_rows import JobRow, Left
from gateway.store.tables import hooks, jobs

_BODY_SECONDS = 60.0
"""For reading or writing one answer, which may have many megabytes."""


class JobStore:
    """Every method raises StorageUnavailable or StorageFailed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, row: JobRow, most: int, receiver: str = "") -> bool:
        """False where its owner has `most` that run already. `receiver` is whom to tell of its end, sealed."""
        return await self._database.write(partial(job_rows.add, row=row, most=most, receiver=receiver))

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
        """The leases of its jobs, and of what it has to tell."""
        await self._database.write(partial(job_rows.renew, worker=worker, until=until))

    async def wish_cancelled(self, id: str) -> None:
        """For the worker that runs it, wherever that is."""
        await self._database.write(partial(job_rows.wish_cancelled, id=id))

    async def wished(self, worker: str) -> list[str]:
        return await self._database.read(partial(job_rows.wished, worker=worker))

    async def interrupt(self, id: str, retention: float) -> None:
        """Marks as failed a job whose worker is gone; kept for `retention` seconds from now."""
        await self._interrupt(jobs.c.id == id, retention)

    async def interrupt_old(self, before: float, retention: float) -> int:
        """The same of all whose lease ended before this moment; how many there were."""
        return await self._interrupt(jobs.c.lease_until < before, retention)

    async def _interrupt(self, gone: ColumnElement[bool], retention: float) -> int:
        now = time.time()
        return await self._database.write(partial(job_rows.interrupt, gone=gone, now=now, expires_at=now + retention))

    async def hooks_of_others(self, worker: str) -> list[Left]:
        """What other workers have to tell, or did not tell any more."""
        return await self._database.read(partial(job_rows.hooks_of_others, worker=worker))

    async def take_hook(self, left: Left, worker: str, until: float) -> str | None:
        """The receiver, sealed; None where its worker lives, or another was faster."""
        return await self._database.write(partial(job_rows.take_hook, left=left, worker=worker, until=until))

    async def give_hook_back(self, job_id: str) -> None:
        """For whoever has time."""
        await self._database.write(partial(job_rows.give_hooks_back, whose=hooks.c.job_id == job_id))

    async def give_hooks_back(self, worker: str) -> None:
        """For whoever comes next."""
        await self._database.write(partial(job_rows.give_hooks_back, whose=hooks.c.worker == worker))

    async def remove_hook(self, job_id: str) -> None:
        """It was told, or never can be."""
        await self._database.write(partial(job_rows.remove_hook, job_id=job_id))

    async def remove(self, id: str) -> None:
        await self._database.write(partial(job_rows.remove, id=id))
