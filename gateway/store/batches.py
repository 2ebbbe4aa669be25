"""`BatchStore`: batches and the answers to them, behind async methods. Part of `Store`, used by `gateway.batches`."""

import time
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection

from gateway.store import batch_rows, editing, file_rows
from gateway.store.batch_rows import BatchFilter, BatchRow
from gateway.store.database import Database
from gateway.store.file_rows import Line
from gateway.store.records import Audit

_SECONDS = 60.0
"""For some megabytes of answers."""


class BatchStore:
    """Every method raises StorageUnavailable or StorageFailed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, row: BatchRow, most: int) -> bool:
        """False where its owner has `most` that are not finished. Raises NotFound where its file has just gone."""
        return await self._database.write(partial(batch_rows.add, row=row, most=most))

    async def find(self, id: str) -> BatchRow | None:
        return await self._database.read(partial(batch_rows.find, id=id, now=time.time()))

    async def listed(self, wanted: BatchFilter, limit: int, after: BatchRow | None) -> list[BatchRow]:
        """Newest first, behind one of them."""
        work = partial(batch_rows.listed, wanted=wanted, limit=limit, after=after, now=time.time())
        return await self._database.read(work)

    async def page(self, wanted: BatchFilter, limit: int, offset: int) -> tuple[list[BatchRow], int]:
        """Newest first, and how many there are in all."""
        now = time.time()

        def work(connection: Connection) -> tuple[list[BatchRow], int]:
            rows = batch_rows.listed(connection, wanted, limit, now, offset=offset)
            return rows, batch_rows.count(connection, wanted, now)

        return await self._database.read(work)

    async def open_counts(self) -> dict[str, int]:
        """How many are in each state before the end; states without any are missing."""
        return await self._database.read(batch_rows.open_counts)

    async def forget_unread(self, file_id: str, told: Audit | None = None) -> str | None:
        """From now on nobody sees the file, unless a batch that is not finished reads it: then its id. `told` is noted
        with it."""

        def work(connection: Connection) -> str | None:
            file_rows.hold(connection, file_id, time.time())
            if (reader := batch_rows.reads(connection, file_id)) is not None:
                return reader
            file_rows.forget(connection, file_id)
            if told is not None:
                editing.add_audit(connection, told)
            return None

        return await self._database.write(work)

    async def claim(self, worker: str, lease: float, busy: Collection[str] = ()) -> BatchRow | None:
        """The one on which nobody works that waits for the longest is the worker's for `lease` seconds from now; those
        of the `busy` owners come last. None where there is none."""
        found = await self._database.read(partial(batch_rows.orphan, busy=busy))
        if found is None:
            return None
        work = partial(batch_rows.claim, id=found[0], worker=worker, lease=lease, now=time.time())
        return await self._database.write(work)

    async def others_wait(self, busy: Collection[str]) -> bool:
        """Whether nobody works on a batch of somebody who is not one of these owners."""
        found = await self._database.read(partial(batch_rows.orphan, busy=busy))
        return found is not None and not found[1]

    async def renew(self, worker: str, ids: Collection[str], lease: float) -> list[str]:
        """Keeps these for the worker; of all that it has, what somebody wants cancelled."""

        def work(connection: Connection) -> list[str]:
            batch_rows.renew(connection, worker, ids, lease)
            return batch_rows.cancelling(connection, worker)

        return await self._database.write(work)

    async def release(self, id: str, worker: str, last: bool = False) -> None:
        """For the next worker, at once; where it is to be the `last`, those go before it that wait already."""
        await self._database.write(partial(batch_rows.release, id=id, worker=worker, last=last))

    async def cancel(self, id: str, told: Audit | None = None) -> None:
        """Whoever works on it, or the next who does, ends it. `told` is noted with it, where there is anything to
        cancel."""

        def work(connection: Connection) -> None:
            if batch_rows.cancel(connection, id, time.time()) and told is not None:
                editing.add_audit(connection, told)

        await self._database.write(work)

    async def change(self, row: BatchRow, worker: str, **values: Any) -> bool:
        """False where it is not the worker's any more, or in another state: then nothing was changed."""
        work = partial(batch_rows.change, id=row.id, worker=worker, before=row.status, values=values)
        return await self._database.write(work)

    async def keep(self, row: BatchRow, worker: str, right: Sequence[Line], wrong: Sequence[Line]) -> bool:
        """Answers for the files of answers and of errors; False where the batch is not the worker's any more."""
        work = partial(batch_rows.keep, row=row, worker=worker, right=right, wrong=wrong)
        return await self._database.write(work, deadline=_SECONDS)

    async def unanswered(self, row: BatchRow, behind: int, limit: int) -> tuple[list[Line], int | None]:
        """The next lines of the input behind a number that have no answer, and the number to go on behind; None at the
        end."""

        def work(connection: Connection) -> tuple[list[Line], int | None]:
            lines = file_rows.read_lines(connection, row.input_id, behind, limit)
            if not lines:
                return [], None
            done = file_rows.numbers(connection, [row.output_id, row.error_id], [number for number, _ in lines])
            return [line for line in lines if line[0] not in done], lines[-1][0]

        return await self._database.read(work, deadline=_SECONDS)
