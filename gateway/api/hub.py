"""`Hub`: what happens in the gateway, told to every open page. Fed by the recorder and the back office."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_WAITING = 500
"""Messages that may wait for one reader; a slower one misses the oldest and is told how many."""


@dataclass(frozen=True, slots=True)
class Event:
    """`user_id` is whose it is; None: only administrators may see it. Of a `request`, `data` is its `UsageRow`."""

    kind: str
    data: Any
    user_id: str | None = None


@dataclass(slots=True, eq=False)
class Subscription:
    """`user_id`: only this user's events; None: all."""

    user_id: str | None = None
    missed: int = 0
    _queue: asyncio.Queue[Event] = field(default_factory=lambda: asyncio.Queue(_WAITING))

    def offer(self, event: Event) -> None:
        if self.user_id is not None and event.user_id != self.user_id:
            return
        if self._queue.full():
            self._queue.get_nowait()
            self.missed += 1
        self._queue.put_nowait(event)

    async def next(self) -> Event:
        return await self._queue.get()


class Hub:
    """For use on one event loop. Publishing costs nothing while nobody listens."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()

    def __len__(self) -> int:
        return len(self._subscriptions)

    def publish(self, event: Event) -> None:
        for subscription in self._subscriptions:
            subscription.offer(event)

    @contextmanager
    def subscribed(self, user_id: str | None = None) -> Iterator[Subscription]:
        subscription = Subscription(user_id)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
