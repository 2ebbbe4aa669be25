"""Sends together what is asked at the same time: one write to Redis, or one transaction, for many requests."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from gateway.access.counters.backend import BackendLost

_T = TypeVar("_T")
_LARGEST = 128


class Batches(Generic[_T]):
    """`send` answers one batch, in order, with results or exceptions; or raises for all of it."""

    def __init__(self, send: Callable[[Sequence[_T]], Awaitable[Sequence[Any]]]) -> None:
        self._send = send
        self._waiting: list[tuple[_T, asyncio.Future[Any]]] = []
        self._sender: asyncio.Task[None] | None = None

    async def ask(self, step: _T) -> Any:
        """Whoever leaves while waiting disturbs nobody: the step is taken all the same."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((step, future))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._drain())
        return await future

    async def aclose(self) -> None:
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.wait([self._sender])
        for _, future in self._waiting:
            future.cancel()

    async def _drain(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_LARGEST], self._waiting[_LARGEST:]
            try:
                answers = await self._send([step for step, _ in batch])
            except BackendLost as error:
                answers = [error] * len(batch)
            for (_, future), answer in zip(batch, answers, strict=True):
                if future.done():
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(BackendLost(str(answer)))
                else:
                    future.set_result(answer)
