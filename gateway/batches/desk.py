"""`BatchDesk`: what callers may know and want of their batches. Called by the routes of `api`."""

import re
import time
from collections.abc import Mapping
from secrets import token_hex

from gateway.batches.files import INPUT, FileDesk
from gateway.batches.lines import ENDPOINTS, Failure, failure
from gateway.batches.runner import BatchRunner
from gateway.errors import Conflict, InvalidRequest, NotFound, RateLimited
from gateway.store.batch_rows import BatchFilter, BatchRow
from gateway.store.batches import BatchStore
from gateway.store.records import Audit

_WINDOW = re.compile(r"([1-9][0-9]{0,2})h")
_LONGEST_WINDOW = 168
_FAILURES_TOLD = 20
_MOST_METADATA, _LONGEST_KEY, _LONGEST_VALUE = 16, 64, 512


class BatchDesk:
    """`owner` None everywhere: somebody who may see what is everybody's."""

    def __init__(self, batches: BatchStore, files: FileDesk, runner: BatchRunner) -> None:
        self._batches, self._files, self._runner = batches, files, runner

    async def create(
        self,
        owner: str,
        endpoint: str,
        input_id: str,
        window: str,
        metadata: Mapping[str, str] | None,
        output_seconds: float | None,
    ) -> BatchRow:
        """Raises InvalidRequest naming the field, NotFound for the file, RateLimited for one batch too many."""
        self._files.check_on()
        if endpoint not in ENDPOINTS:
            text = f"'endpoint' must be one of {', '.join(ENDPOINTS)}."
            raise InvalidRequest(text, param="endpoint")
        file = await self._files.find(input_id, owner, "input_file_id")
        if file.purpose != INPUT:
            text = f"The file must have the purpose 'batch'; this one has '{file.purpose}'."
            raise InvalidRequest(text, param="input_file_id")
        now = time.time()
        row = BatchRow(
            id=f"batch_{token_hex(12)}",
            owner=owner,
            endpoint=endpoint,
            completion_window=window,
            input_id=file.id,
            created_at=now,
            due_at=now + _hours(window) * 3600,
            metadata=_checked(metadata),
            output_seconds=output_seconds,
        )
        most = self._runner.limits.max_open
        if not await self._batches.add(row, most):
            text = f"This key has {most} batches that are not finished, which is the most: wait for one."
            raise RateLimited(text, code="too_many_batches", retry_after=60)
        self._runner.wake()
        return row

    async def find(self, id: str, owner: str | None, param: str = "batch_id") -> BatchRow:
        """Raises NotFound, also for what is another's; `param` names the caller's field."""
        row = await self._batches.find(id)
        if row is None or (owner is not None and row.owner != owner):
            text = "There is no such batch. Its time is over, or it is another key's."
            raise NotFound(text, param=param)
        return row

    async def listed(self, owner: str | None, limit: int, after: str | None) -> tuple[list[BatchRow], bool]:
        """Newest first, and whether there are more."""
        behind = await self.find(after, owner, "after") if after else None
        wanted = BatchFilter() if owner is None else BatchFilter((owner,))
        rows = await self._batches.listed(wanted, limit + 1, behind)
        return rows[:limit], len(rows) > limit

    async def page(self, wanted: BatchFilter, limit: int, offset: int) -> tuple[list[BatchRow], int]:
        """Newest first, and how many there are in all."""
        return await self._batches.page(wanted, limit, offset)

    async def failures(self, row: BatchRow) -> list[Failure]:
        """The first of the requests that failed or were left out, also while it runs."""
        if not row.error_id:
            return []
        return [failure(line) for line in await self._files.first_lines(row.error_id, _FAILURES_TOLD)]

    async def cancel(self, row: BatchRow, told: Audit | None = None) -> BatchRow:
        """As it is then: one that is ended stays as it is. Raises Conflict for that. `told` is who did it, where that
        is not its owner."""
        if not row.is_open:
            raise Conflict(f"The batch has ended: it is {row.status}.", code="batch_ended")
        await self._batches.cancel(row.id, told)
        self._runner.wake()
        return await self._batches.find(row.id) or row


def _hours(window: str) -> int:
    found = _WINDOW.fullmatch(window)
    if found is None or int(found[1]) > _LONGEST_WINDOW:
        text = f"'completion_window' must be a number of hours from 1h to {_LONGEST_WINDOW}h, such as 24h."
        raise InvalidRequest(text, param="completion_window")
    return int(found[1])


def _checked(metadata: Mapping[str, str] | None) -> Mapping[str, str] | None:
    if metadata and (
        len(metadata) > _MOST_METADATA
        or any(len(key) > _LONGEST_KEY or len(value) > _LONGEST_VALUE for key, value in metadata.items())
    ):
        text = (
            f"'metadata' may have {_MOST_METADATA} entries, with names of {_LONGEST_KEY} and values of "
            f"{_LONGEST_VALUE} characters."
        )
        raise InvalidRequest(text, param="metadata")
    return metadata
