"""`Hub`: what happens in the gateway, told to every open page. Fed by the back office and the feed of requests."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_WAITING = 500
"""Messages that may wait for one reader; a slower one misses the oldest and is told how many."""


@dataclass(slots=True, eq=False)
class Subscription:
    """`user_id`: what is told to this user alone; None: what is told to administrators."""

    user_id: str | None = None
    missed: int = 0
    _queue: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(_WAITING))

    def offer(self, text: str) -> None:
        if self._queue.full():
            self._queue.get_nowait()
            self.missed += 1
        self._queue.put_nowait(text)

    async def next(self) -> str:
        return await self._queue.get()


def message(kind: str, data: Any) -> str:
    return json.dumps({"type": kind, "data": data}, separators=(",", ":"))


class Hub:
    """For use on one event loop. Publishing costs nothing while nobody listens, and however many listen, a message is
    made once. `on_watched` is called with True for the first page that opens and with False after the last."""

    def __init__(self) -> None:
        self.on_watched: Callable[[bool], None] | None = None
        self._subscriptions: set[Subscription] = set()
        self._looked = float("-inf")
        self._seen: Any = None

    def __len__(self) -> int:
        return len(self._subscriptions)

    @property
    def audiences(self) -> set[str | None]:
        """Whose pages are open: ids of users, None for administrators."""
        return {subscription.user_id for subscription in self._subscriptions}

    def publish(self, kind: str, data: Any, audience: str | None = None) -> None:
        """`audience`: the user whose pages get it; None: those of administrators."""
        readers = [one for one in self._subscriptions if one.user_id == audience]
        if readers:
            text = message(kind, data)
            for reader in readers:
                reader.offer(text)

    def seen(self, seconds: float, look: Callable[[], Any]) -> Any:
        """What `look` finds, found once in so many seconds for all pages together."""
        now = time.monotonic()
        if now - self._looked >= seconds:
            self._looked, self._seen = now, look()
        return self._seen

    @contextmanager
    def subscribed(self, user_id: str | None = None) -> Iterator[Subscription]:
        subscription = Subscription(user_id)
        self._subscriptions.add(subscription)
        self._tell_watched(len(self) == 1)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            if not self._subscriptions:
                self._tell_watched(False)

    def _tell_watched(self, watched: bool) -> None:
        if self.on_watched is not None and watched == bool(self._subscriptions):
            self.on_watched(watched)
