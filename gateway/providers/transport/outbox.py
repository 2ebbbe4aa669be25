"""`Outbox`: small messages that become ready in one round of the loop, sent together at its end.

A write wakes the process at the other end when that sleeps, which takes the writer longer than the write itself. Of
messages written one straight after the other only the first wakes anybody: a gateway with 64 callers at a time needs a
sixth less CPU for a chat. And whether anything has arrived on the connections to providers, which must be known before
a request goes out, one look tells for all of them.
"""

import asyncio
from typing import Protocol

from gateway.providers.transport.peek import Peek, look


class Sender(Protocol):
    """A connection to a provider."""

    peek: Peek

    def send(self, request: bytes, events: int) -> None:
        """`events` as `Peek` tells them, found just now."""
        ...


class Outbox:
    """Belongs to one event loop. What the same connection is written later stays behind a message."""

    __slots__ = ("_answers", "_requests", "holds")

    def __init__(self) -> None:
        self.holds = False
        """Whether messages wait for the end of the round. Where little goes on, waiting would only take time."""
        self._answers: list[tuple[asyncio.Transport, bytes]] = []
        self._requests: list[tuple[Sender, bytes]] = []

    def post(self, transport: asyncio.Transport, answer: bytes) -> None:
        """For writes from tasks, not from callbacks of the network: another answer cannot be due before this one."""
        if not self.holds:
            transport.write(answer)
            return
        self._schedule()
        self._answers.append((transport, answer))

    def post_request(self, sender: Sender, request: bytes) -> None:
        if not self.holds:
            sender.send(request, sender.peek.events())
            return
        self._schedule()
        self._requests.append((sender, request))

    def flush(self) -> None:
        """At once, for who is about to close a connection."""
        answers, self._answers = self._answers, []
        requests, self._requests = self._requests, []
        for transport, answer in answers:
            if not transport.is_closing():
                transport.write(answer)
        if requests:
            for (sender, request), events in zip(requests, look([sender.peek for sender, _ in requests]), strict=True):
                sender.send(request, events)

    def _schedule(self) -> None:
        if not self._answers and not self._requests:
            asyncio.get_running_loop().call_soon(self.flush)
