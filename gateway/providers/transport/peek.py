"""Whether something has arrived on sockets that nobody has read. Asked for every reuse of a connection.

The system's own `poll`, called without letting go of the GIL: through `select.poll` every request would wait for
whichever thread takes the GIL meanwhile, for milliseconds where that thread computes.
"""

import ctypes
import select
import struct
from collections.abc import Sequence

ARRIVED = select.POLLIN
_END: int = getattr(select, "POLLRDHUP", 0)
_QUESTION = struct.Struct("ihh")
"""`struct pollfd` of poll(2): the descriptor, what is asked and what is found."""

_poll = ctypes.PyDLL(None).poll
_poll.argtypes = (ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int)


class Peek:
    """For one open socket."""

    __slots__ = ("question",)

    def __init__(self, descriptor: int) -> None:
        self.question = _QUESTION.pack(descriptor, ARRIVED | _END, 0)

    def events(self) -> int:
        """0: nothing. `ARRIVED` alone: bytes. Anything else: the other side has ended, or the socket has failed."""
        return look([self])[0]


def look(peeks: Sequence[Peek]) -> list[int]:
    """The events of each, found by one call."""
    asked = ctypes.create_string_buffer(b"".join([peek.question for peek in peeks]))
    if not _poll(asked, len(peeks), 0):
        return [0] * len(peeks)
    return [events for _, _, events in _QUESTION.iter_unpack(asked.raw[:-1])]
