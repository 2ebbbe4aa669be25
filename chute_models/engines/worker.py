"""One thread that computes, so that requests share the cores fairly and the event loop stays free to answer.

A request is an iterator whose steps are short (one token, one batch). Steps of running requests take turns; a request
whose caller has left is closed before its next step.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from typing import Any, Generic, TypeVar

from chute_models.engines.errors import overloaded

T = TypeVar("T")
_END = object()


class _Job(Generic[T]):
    def __init__(self, steps: Iterator[T], loop: asyncio.AbstractEventLoop) -> None:
        self.steps = steps
        self.loop = loop
        self.results: asyncio.Queue[Any] = asyncio.Queue()
        self.cancelled = False

    def deliver(self, item: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self.loop.call_soon_threadsafe(self.results.put_nowait, item)

    def step(self) -> bool:
        """One step; False when it was the last."""
        if self.cancelled:
            close = getattr(self.steps, "close", None)
            if close:
                close()
            return False
        try:
            self.deliver(next(self.steps))
        except StopIteration:
            self.deliver(_END)
            return False
        except Exception as error:
            self.deliver(error)
            return False
        return True


class Worker:
    """At most `max_running` requests take turns and `max_waiting` wait; one more is refused with 429."""

    def __init__(self, max_running: int, max_waiting: int) -> None:
        self._max_running = max_running
        self._max_waiting = max_waiting
        self._waiting: deque[_Job[Any]] = deque()
        self._running: list[_Job[Any]] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name="compute", daemon=True).start()

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def stream(self, steps: Iterator[T]) -> AsyncGenerator[T, None]:
        """What the steps yield. Closing this iterator, or cancelling its reader, stops the work."""
        job = _Job(steps, asyncio.get_running_loop())
        with self._changed:
            if len(self._waiting) >= self._max_waiting:
                raise overloaded()
            self._waiting.append(job)
            self._changed.notify()
        try:
            while (item := await job.results.get()) is not _END:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            job.cancelled = True

    async def result(self, steps: Iterator[T]) -> T:
        """The last thing the steps yield."""
        last: T | None = None
        async with contextlib.aclosing(self.stream(steps)) as items:
            async for item in items:
                last = item
        assert last is not None
        return last

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._running:
                    self._changed.wait()
                while self._waiting and len(self._running) < self._max_running:
                    self._running.append(self._waiting.popleft())
                running = list(self._running)
            ended = [job for job in running if not job.step()]
            for job in ended:
                self._running.remove(job)
