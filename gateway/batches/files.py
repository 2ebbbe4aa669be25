"""`FileDesk`: what callers may know and want of their files. Called by the routes of `api`."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import suppress
from secrets import token_hex
from typing import BinaryIO

from gateway.batches.work import BatchLimits
from gateway.errors import (
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    StorageFailed,
    StorageUnavailable,
    TooLarge,
)
from gateway.store.batches import BatchStore
from gateway.store.file_rows import FileFilter, FileRow, Line
from gateway.store.files import FileStore
from gateway.store.records import Audit

INPUT = "batch"
"""The one purpose that an uploaded file may have."""
_PORTION_LINES, _PORTION_BYTES = 1_000, 4 * 2**20
"""Written in one transaction."""
_READ = 50
"""Lines read at a time."""
_LONGEST_LINE = 32 * 2**20
_FEW_LINES, _SHORT = 1_000, 32
"""A file with more lines than the first has on average the second or more bytes in each: the shortest request that
there is has twice as many. Each line takes room in the database, however short it is."""
_MOST_FILES = 10_000
"""Of one key; as many as one list may show."""
_UPLOADING = 3600.0
"""Seconds after which a file whose upload was broken off is removed."""


class FileDesk:
    """`owner` None everywhere: somebody who may see what is everybody's."""

    def __init__(self, files: FileStore, batches: BatchStore, limits: BatchLimits) -> None:
        self._files, self._batches, self.limits = files, batches, limits

    def check_on(self) -> None:
        """Raises Forbidden where this gateway takes no batches."""
        if not self.limits.max_open:
            raise Forbidden("This gateway takes no batches (BATCHES_MAX_OPEN is 0).", code="batches_off")

    async def upload(self, owner: str, name: str, source: BinaryIO, size: int, seconds: float | None) -> FileRow:
        """Keeps a file for `seconds` from now, or as long as the settings say. Raises TooLarge."""
        self.check_on()
        limits = self.limits
        if size > limits.max_file:
            text = f"The file has {size / 2**20:.1f}MB; the most is {limits.max_file / 2**20:g}MB."
            raise TooLarge(text, param="file")
        now = time.time()
        row = FileRow(f"file-{token_hex(12)}", owner, name, INPUT, now, now + _UPLOADING, size=size)
        if not await self._files.add_within(row, _MOST_FILES, limits.max_kept):
            most = f"more than {limits.max_kept / 2**20:g}MB, or be more than {_MOST_FILES}"
            text = f"The files of this key would take {most}: delete some first."
            raise TooLarge(text, param="file", code="storage_limit_exceeded")
        try:
            portions = _portions(source, max(_FEW_LINES, size // _SHORT))
            while portion := await asyncio.to_thread(next, portions, None):
                await self._files.append(row.id, portion)
            await self._files.finish(row.id, now + (seconds or limits.retention))
        except BaseException:  # also where the caller leaves: what is not whole takes no room
            with suppress(StorageUnavailable, StorageFailed):
                await self._files.forget(row.id)
            raise
        return await self.find(row.id, owner)

    async def find(self, id: str, owner: str | None, param: str = "file_id") -> FileRow:
        """Raises NotFound, also for what is another's; `param` names the caller's field."""
        row = await self._files.find(id)
        if row is None or (owner is not None and row.owner != owner):
            text = "There is no such file. It was deleted, its time is over, or it is another key's."
            raise NotFound(text, param=param)
        return row

    async def listed(
        self, owner: str | None, purpose: str, limit: int, after: str | None, newest: bool
    ) -> tuple[list[FileRow], bool]:
        """And whether there are more."""
        behind = await self.find(after, owner, "after") if after else None
        wanted = FileFilter(None if owner is None else (owner,), purpose)
        rows = await self._files.listed(wanted, limit + 1, behind, newest)
        return rows[:limit], len(rows) > limit

    async def page(self, wanted: FileFilter, limit: int, offset: int) -> tuple[list[FileRow], int, int]:
        """Newest first; how many there are in all, and their bytes."""
        return await self._files.page(wanted, limit, offset)

    async def sizes(self, ids: Collection[str]) -> dict[str, int]:
        """Bytes of those that are still there, by id."""
        return await self._files.sizes(ids)

    async def content(self, row: FileRow) -> AsyncIterator[bytes]:
        """Its bytes, piece by piece."""
        behind = 0
        while lines := await self._files.read_lines(row.id, behind, _READ):
            yield b"".join(body for _, body in lines)
            behind = lines[-1][0]

    async def first_lines(self, id: str, limit: int) -> list[bytes]:
        """Also of a file that is still being written."""
        return [body for _, body in await self._files.read_lines(id, 0, limit)]

    async def delete(self, row: FileRow, told: Audit | None = None) -> None:
        """Raises Conflict for one that a batch still reads. `told` is who did it, where that is not its owner."""
        if (id := await self._batches.forget_unread(row.id, told)) is not None:
            text = f"The batch {id} still reads this file: cancel it or wait for its end."
            raise Conflict(text, code="file_in_use")


def _portions(source: BinaryIO, most: int) -> Iterator[list[Line]]:
    """Raises TooLarge for a line that no request could be, and InvalidRequest for more lines than `most`."""
    portion: list[Line] = []
    size = 0
    for number, line in enumerate(iter(lambda: source.readline(_LONGEST_LINE + 1), b""), 1):
        if len(line) > _LONGEST_LINE:
            text = f"Line {number} has more than {_LONGEST_LINE / 2**20:g}MB: one request is one line of JSON."
            raise TooLarge(text, param="file")
        if number > most:
            text = f"The file has more than {most} lines, nearly all of them too short for a request, or empty."
            raise InvalidRequest(text, param="file", code="too_many_lines")
        portion.append((number, line))
        size += len(line)
        if len(portion) >= _PORTION_LINES or size >= _PORTION_BYTES:
            yield portion
            portion, size = [], 0
    yield portion
