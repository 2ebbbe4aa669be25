"""Gathers single items into batches for a model that is faster with many. Used by functions of a chute.

The documented example fails the whole batch with one bad item; here `work` may give an exception for an item, and when
the whole call fails its items are tried one by one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Item, Result]):
    item: Item
    future: "asyncio.Future[Result]"


class Batcher(Generic[Item, Result]):
    """`work` gets up to `size` items and gives as many results, in order, each a value or an exception.

    A batch goes when it is full or `window` seconds after its first item. `start` and `stop` on the loop that serves.
    """

    def __init__(
        self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]], *, size: int = 8,
        window: float = 0.1,
    ) -> None:  # fmt: skip
        self._work = work
        self._size = size
        self._window = window
        self._queue: asyncio.Queue[_Waiting[Item, Result]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """What still waits is cancelled."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        while not self._queue.empty():
            self._queue.get_nowait().future.cancel()

    async def submit(self, item: Item) -> Result:
        """Raises what `work` gave or raised for this item."""
        waiting: _Waiting[Item, Result] = _Waiting(item, asyncio.get_running_loop().create_future())
        await self._queue.put(waiting)
        return await waiting.future

    async def _run(self) -> None:
        while True:
            batch = await self._gather()
            batch = [one for one in batch if not one.future.done()]  # whose caller has left
            if batch:
                try:
                    await self._do(batch)
                except asyncio.CancelledError:
                    for one in batch:
                        one.future.cancel()
                    raise

    async def _gather(self) -> list[_Waiting[Item, Result]]:
        batch = [await self._queue.get()]
        with suppress(TimeoutError):
            async with asyncio.timeout(self._window):
                while len(batch) < self._size:
                    batch.append(await self._queue.get())
        return batch

    async def _do(self, batch: list[_Waiting[Item, Result]]) -> None:
        try:
            results = await self._work([one.item for one in batch])
            if len(results) != len(batch):
                raise ValueError(f"{len(results)} results for {len(batch)} items")
        except Exception as error:
            if len(batch) == 1:
                _settle(batch[0], error)
                return
            for one in batch:
                await self._do([one])
            return
        for one, result in zip(batch, results, strict=True):
            _settle(one, result)


def _settle(one: _Waiting[Item, Result], result: "Result | Exception") -> None:
    if one.future.done():
        return
    if isinstance(result, Exception):
        one.future.set_exception(result)
    else:
        one.future.set_result(result)
