"""`Work`: one batch on its way, from the check of its file to the files of its answers. Made by the runner.

A batch that is left in the midst, by a stop or a crash, is gone on with where its last answers were kept: what was
under way then is asked again.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from secrets import token_hex
from typing import Any, TypeVar

from gateway.batches.lines import Answer, Asked, Check, answered, custom_id_of, left_out, read_request
from gateway.errors import StorageFailed, StorageUnavailable
from gateway.store.batch_rows import BatchRow, BatchStatus
from gateway.store.batches import BatchStore
from gateway.store.file_rows import FileRow, Line
from gateway.store.files import FileStore

log = logging.getLogger("gateway.batches")

Result = TypeVar("Result")
Ask = Callable[[str, str, bytes], Awaitable[Answer]]
"""Asks the gateway itself: the path, the id of the key, the body."""

Recorded = Callable[[], Awaitable[None]]
"""Returns when the store has what the requests cost that were answered before."""

OUTPUT = "batch_output"
"""The purpose of the files that a batch writes."""
_PORTION = 100
"""Lines read or written at a time."""
_AGAIN = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before each further try to keep answers while the database is away."""
_PASSING = frozenset({502, 503, 504})
_KEEP = 1.0
"""Seconds for which an answer waits at most until it is written."""
_TRIES = 5
"""Of a request at which all targets fail. One for which there is only no room now is asked until the batch is due."""
_LONGEST_PAUSE = 60.0
_LEFT_OUT = {
    BatchStatus.EXPIRED: ("batch_expired", "This request was not answered before the end of the completion window."),
    BatchStatus.CANCELLED: ("batch_cancelled", "The batch was cancelled before this request was answered."),
}


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Sizes in bytes, `retention` in seconds. `max_open` and `max_kept` are of each owner; `parallel` of each batch."""

    parallel: int
    max_open: int
    max_requests: int
    max_file: int
    max_kept: int
    retention: float


class Lost(Exception):
    """Another works on the batch now."""


class Work:
    """`run` returns when the batch has ended, or was stopped; raises Lost and what the store raises."""

    def __init__(
        self,
        row: BatchRow,
        worker: str,
        batches: BatchStore,
        files: FileStore,
        ask: Ask,
        limits: BatchLimits,
        recorded: Recorded,
    ) -> None:
        self.row = row
        self._worker, self._batches, self._files, self._ask, self._limits = worker, batches, files, ask, limits
        self._recorded = recorded
        self.begun = time.monotonic()
        self._stopping = asyncio.Event()
        self._to_the_end = False
        self._under_way = 0
        self._is_cancelled = row.status is BatchStatus.CANCELLING
        self._asking: asyncio.Task[None] | None = None
        self._right: list[Line] = []
        self._wrong: list[Line] = []
        self._keeping = asyncio.Lock()
        self.kept: Counter[str] = Counter()
        """Requests that were answered or failed, since this worker took the batch."""

    async def run(self) -> None:
        if self.row.status is BatchStatus.VALIDATING:
            await self._validate()
        if self.row.status is BatchStatus.IN_PROGRESS:
            await self._ask_all()
        if self._stopping.is_set() and not self._is_cancelled:
            await self._batches.release(self.row.id, self._worker, self._to_the_end)
        elif self.row.is_open:
            await self._end()

    def cancel(self) -> None:
        """What is under way is let go of."""
        self._is_cancelled = True
        self.halt()

    def stop(self, to_the_end: bool = False) -> None:
        """What is under way may come to its end; nothing else is begun. `to_the_end`: of those that wait."""
        self._to_the_end = to_the_end
        self._stopping.set()

    def halt(self) -> None:
        if self._asking is not None:
            self._asking.cancel()

    async def _keep(self) -> None:
        """Writes the answers that are there, also when whoever wants it is cancelled in the midst."""
        await asyncio.shield(self._write())

    async def _write(self) -> None:
        async with self._keeping:
            right, wrong = tuple(self._right), tuple(self._wrong)
            if not right and not wrong:
                return
            await self._recorded()
            if not await _in_time(lambda: self._batches.keep(self.row, self._worker, right, wrong)):
                raise Lost
            del self._right[: len(right)], self._wrong[: len(wrong)]
            self.kept.update(completed=len(right), failed=len(wrong))
            completed, failed = self.row.completed + len(right), self.row.failed + len(wrong)
            self.row = replace(self.row, completed=completed, failed=failed)

    # --- before --------------------------------------------------------------------------------------

    async def _validate(self) -> None:
        check, behind = Check(self.row.endpoint, self._limits.max_requests), 0
        while not check.is_over and (lines := await self._files.read_lines(self.row.input_id, behind, _PORTION)):
            await asyncio.to_thread(check.take, lines)
            behind = lines[-1][0]
        check.end()
        now = time.time()
        if check.problems:
            ended = {"ended_at": now, "expires_at": now + self._limits.retention}
            await self._become(BatchStatus.FAILED, errors=check.problems, models=check.models, **ended)
        else:
            ids = {"output_id": await self._open_file("output"), "error_id": await self._open_file("error")}
            counted = {"total": check.requests, "models": check.models}
            await self._become(BatchStatus.IN_PROGRESS, begun_at=now, **counted, **ids)

    async def _open_file(self, kind: str) -> str:
        """Nobody sees it before the batch has ended."""
        now = time.time()
        row = FileRow(
            id=f"file-{token_hex(12)}",
            owner=self.row.owner,
            name=f"{self.row.id}_{kind}.jsonl",
            purpose=OUTPUT,
            created_at=now,
            expires_at=self.row.due_at + self._limits.retention,
        )
        await self._files.add(row)
        return row.id

    # --- asking --------------------------------------------------------------------------------------

    async def _ask_all(self) -> None:
        self._asking = asking = asyncio.create_task(self._ask_lines())
        both = (asking, asyncio.create_task(self._keep_often()))
        left = max(0.0, self.row.due_at - time.time())
        await asyncio.wait(both, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            task.cancel()
        await asyncio.wait(both)
        for task in both:
            if not task.cancelled():
                task.result()
        await self._keep()

    async def _keep_often(self) -> None:
        while True:
            await asyncio.sleep(_KEEP)
            await self._keep()

    async def _ask_lines(self) -> None:
        room = asyncio.Semaphore(self._limits.parallel)
        try:
            async with asyncio.TaskGroup() as group:
                async for line in self._unanswered():
                    await room.acquire()
                    if self._stopping.is_set():
                        break
                    asked = read_request(*line, self.row.endpoint)
                    group.create_task(self._answer(asked)).add_done_callback(lambda _: room.release())
        except BaseExceptionGroup as group_of_them:
            raise group_of_them.exceptions[0] from None

    async def _unanswered(self) -> AsyncIterator[Line]:
        behind: int | None = 0
        while behind is not None:
            read = partial(self._batches.unanswered, self.row, behind, _PORTION)
            lines, behind = await _in_time(read)
            for number, line in lines:
                if line.strip():
                    yield number, line

    async def _answer(self, asked: Asked) -> None:
        answer = await self._ask_until_answered(asked)
        if answer is None:
            return
        is_right = 200 <= answer.status < 300
        (self._right if is_right else self._wrong).append((asked.number, answered(asked.custom_id, answer)))
        if len(self._right) + len(self._wrong) >= _PORTION:
            await self._keep()

    async def _ask_until_answered(self, asked: Asked) -> Answer | None:
        """None where the gateway stops before there is an answer to keep."""
        tries = 0
        while True:
            self._under_way += 1
            try:
                answer = await self._ask(self.row.endpoint, self.row.owner, asked.body)
            finally:
                self._under_way -= 1
            tries += 1
            pause = _pause(answer, tries, is_alone=not self._under_way)
            if pause is None:
                return answer
            try:
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
            except TimeoutError:
                continue
            return None

    # --- after ---------------------------------------------------------------------------------------

    async def _end(self) -> None:
        """Cancelled, past its time, or answered as a whole."""
        if self._is_cancelled:
            await self._reread()
        if self.row.status is BatchStatus.IN_PROGRESS:
            await self._become(BatchStatus.FINALIZING, finalizing_at=time.time())
        end = BatchStatus.CANCELLED if self.row.status is BatchStatus.CANCELLING else BatchStatus.EXPIRED
        left = self.row.output_id and await self._leave_out(*_LEFT_OUT[end])
        if end is BatchStatus.EXPIRED and not left:
            end = BatchStatus.COMPLETED
        now = time.time()
        kept = now + (self.row.output_seconds or self._limits.retention)
        ids = {name: await self._close_file(getattr(self.row, name), kept) for name in ("output_id", "error_id")}
        await self._become(end, ended_at=now, expires_at=now + self._limits.retention, **ids)

    async def _leave_out(self, code: str, message: str) -> int:
        """Says of each request without an answer why there is none; how many there were."""
        count = 0
        async for number, line in self._unanswered():
            self._wrong.append((number, left_out(custom_id_of(line), code, message)))
            count += 1
            if len(self._wrong) >= _PORTION:
                await self._keep()
        await self._keep()
        return count

    async def _close_file(self, id: str, expires_at: float) -> str:
        """Its id where there is anything in it."""
        if not id or await self._files.finish(id, expires_at):
            return id
        await self._files.forget(id)
        return ""

    async def _become(self, status: BatchStatus, **values: Any) -> None:
        """Somebody's wish to cancel goes before, wherever the batch has come to."""
        if await self._batches.change(self.row, self._worker, status=status, **values):
            self.row = replace(self.row, status=status, **values)
            return
        await self._reread()
        if self.row.status is not BatchStatus.CANCELLING:
            raise Lost
        self._is_cancelled = True

    async def _reread(self) -> None:
        found = await self._batches.find(self.row.id)
        if found is None or found.worker != self._worker:
            raise Lost
        self.row = found


def _pause(answer: Answer, tries: int, is_alone: bool) -> float | None:
    """Seconds until it is asked again; None: this is the answer. What its neighbours may still cost is reserved, so a
    budget is used up only for a request that `is_alone`."""
    grown = min(_LONGEST_PAUSE, 2.0 ** min(tries, 10)) * random.uniform(0.5, 1)  # noqa: S311
    if answer.status == 402 and not is_alone:
        return grown
    has_no_room = answer.status == 429 or (answer.status == 503 and answer.retry_after is not None)
    if answer.is_final or (not has_no_room and not (answer.status in _PASSING and tries < _TRIES)):
        return None
    return max(answer.retry_after or 0.0, grown)


async def _in_time(work: Callable[[], Awaitable[Result]]) -> Result:
    """Tries for a while: what was answered, or is being asked, is paid for."""
    for wait in _AGAIN:
        try:
            return await work()
        except (StorageUnavailable, StorageFailed) as error:
            log.warning("a batch waits for the database: %s", error.message)
        await asyncio.sleep(wait)
    return await work()
