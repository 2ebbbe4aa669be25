"""`FileStore`: what callers uploaded and what batches answered, behind async methods. Part of `Store`."""

import time
from collections.abc import Collection, Sequence
from functools import partial

from sqlalchemy import Connection

from gateway.store import batch_rows, file_rows
from gateway.store.database import Database
from gateway.store.file_rows import FileFilter, FileRow, Line

_SECONDS = 60.0
"""For some megabytes of lines."""


class FileStore:
    """Every method raises StorageUnavailable or StorageFailed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, row: FileRow) -> None:
        await self._database.write(partial(file_rows.add, row=row))

    async def add_within(self, row: FileRow, most: int, most_bytes: int) -> bool:
        """False where its owner has `most` of its purpose, or all of them would take more than `most_bytes`; a file
        that is being written takes what its row says."""
        work = partial(file_rows.add_within, row=row, most=most, most_bytes=most_bytes)
        return await self._database.write(work)

    async def append(self, id: str, lines: Sequence[Line]) -> None:
        await self._database.write(partial(file_rows.append, file_id=id, lines=lines), deadline=_SECONDS)

    async def finish(self, id: str, expires_at: float) -> int:
        """Shows the file; its size in bytes."""
        return await self._database.write(partial(file_rows.finish, id=id, expires_at=expires_at), deadline=_SECONDS)

    async def find(self, id: str) -> FileRow | None:
        """None where it is unknown, was removed, is past its time or is still being written."""
        return await self._database.read(partial(file_rows.find, id=id, now=time.time()))

    async def listed(self, wanted: FileFilter, limit: int, after: FileRow | None, newest: bool) -> list[FileRow]:
        """In the order they were made, behind one of them."""
        work = partial(file_rows.listed, wanted=wanted, limit=limit, after=after, newest=newest, now=time.time())
        return await self._database.read(work)

    async def page(self, wanted: FileFilter, limit: int, offset: int) -> tuple[list[FileRow], int, int]:
        """Newest first; how many there are in all, and their bytes."""
        now = time.time()

        def work(connection: Connection) -> tuple[list[FileRow], int, int]:
            rows = file_rows.listed(connection, wanted, limit, now, offset=offset)
            return rows, *file_rows.totals(connection, wanted, now)

        return await self._database.read(work)

    async def sizes(self, ids: Collection[str]) -> dict[str, int]:
        """Bytes of those that are still there, by id."""
        return await self._database.read(partial(file_rows.sizes, ids=ids, now=time.time()))

    async def read_lines(self, id: str, behind: int, limit: int) -> list[Line]:
        """The next ones behind a number: at most `limit`, and fewer where they are long."""
        work = partial(file_rows.read_lines, id=id, behind=behind, limit=limit)
        return await self._database.read(work, deadline=_SECONDS)

    async def forget(self, id: str) -> None:
        """From now on nobody sees it; `sweep` removes it."""
        await self._database.write(partial(file_rows.forget, id=id))

    async def sweep(self) -> None:
        """Removes every file whose time is over, a portion at a time; what a batch still reads only after its end."""
        while await self._database.write(partial(file_rows.sweep, now=time.time(), in_use=batch_rows.INPUTS)):
            pass
