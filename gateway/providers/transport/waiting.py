"""Waiting for news of a connection under a deadline that may move: one future, and one timer for many waits."""

import asyncio
from abc import abstractmethod


class Waiting:
    """What `Connection` waits with. The timer is left running between waits, so that a wait seldom makes one."""

    __slots__ = ("_deadline", "_loop", "_silence", "_timer", "_timer_at", "_waiter")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._deadline = 0.0
        self._silence = ""

    def news(self, deadline: float, silence: str) -> "asyncio.Future[None]":
        """To be awaited by the one reader or writer of the exchange; done when something happened. Past the deadline
        the exchange fails with `silence`."""
        self._silence = silence
        self._expect(deadline)
        self._waiter = waiter = self._loop.create_future()
        return waiter

    @abstractmethod
    def _due(self) -> float:
        """The deadline that holds now."""

    @abstractmethod
    def _overdue(self, silence: str) -> None:
        """The deadline has passed while somebody waits."""

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def _expect(self, deadline: float) -> None:
        self._deadline = deadline
        if self._timer is None or self._timer_at > deadline:
            self._arm()

    def _arm(self) -> None:
        self._disarm()
        self._timer_at = self._deadline
        self._timer = self._loop.call_at(self._deadline, self._tick)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        self._deadline = self._due()
        if self._loop.time() + 0.001 >= self._deadline:
            self._overdue(self._silence)
        else:
            self._arm()
