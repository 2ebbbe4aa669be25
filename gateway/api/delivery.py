"""Two signs that a caller is gone which no event of the network tells of: nothing of what is written is taken any more,
and it has hung up while nobody reads. Used by `protocol`."""

import asyncio
import select
import struct
from fcntl import ioctl
from termios import TIOCOUTQ

from gateway.api.inference import Inference

_LOOKS = 4
"""Times that one looks before a caller is given up."""
_HUNG_UP = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


class Delivery:
    """Cuts a connection whose peer took nothing at all for the `delivery_seconds` of the limits; one that is slow goes
    on. Watched only while more waits than the system takes."""

    __slots__ = ("_inference", "_loop", "_moved_at", "_queued", "_timer", "_transport", "_waiting")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, inference: Inference) -> None:
        self._transport, self._loop, self._inference = transport, loop, inference
        self._timer: asyncio.TimerHandle | None = None

    def watch(self) -> None:
        if self._timer is None:
            self._waiting, self._queued = self._left()
            self._moved_at = self._loop.time()
            self._look_later()

    def rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_later(self) -> None:
        seconds = self._inference.limits.delivery_seconds
        self._timer = self._loop.call_later(seconds / _LOOKS, self._look)

    def _look(self) -> None:
        waiting, queued = self._left()
        now = self._loop.time()
        if waiting < self._waiting or queued != self._queued:
            self._moved_at = now
        self._waiting, self._queued = waiting, queued
        if now - self._moved_at < self._inference.limits.delivery_seconds:
            self._look_later()
        else:
            self._transport.abort()

    def _left(self) -> tuple[int, int]:
        """Bytes that wait here, and bytes in the system that the peer has not taken: the system makes room here only
        when a good part of its own is free, which takes a slow peer minutes."""
        socket = self._transport.get_extra_info("socket")
        try:
            (queued,) = struct.unpack("i", ioctl(socket.fileno(), TIOCOUTQ, bytes(4)))
        except (AttributeError, OSError, ValueError):
            queued = 0
        return self._transport.get_write_buffer_size(), queued


def has_hung_up(transport: asyncio.Transport) -> bool:
    """Whether the peer has, although what it sent before has not been read. False where the system cannot tell."""
    socket = transport.get_extra_info("socket")
    if socket is None or socket.fileno() < 0:
        return False
    poll = select.poll()
    poll.register(socket.fileno(), _HUNG_UP)
    return bool(poll.poll(0))
