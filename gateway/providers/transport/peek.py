"""Whether something has arrived on a socket that nobody has read. Asked for every reuse of a connection.

The system's own `poll`, called without letting go of the GIL: through `select.poll` every request would wait for
whichever thread takes the GIL meanwhile, for milliseconds where that thread computes.
"""

import ctypes
import select

ARRIVED = select.POLLIN
_END: int = getattr(select, "POLLRDHUP", 0)


class _Asked(ctypes.Structure):
    """`struct pollfd` of poll(2)."""

    _fields_ = (("fd", ctypes.c_int), ("events", ctypes.c_short), ("revents", ctypes.c_short))


_poll = ctypes.PyDLL(None).poll
_poll.argtypes = (ctypes.POINTER(_Asked), ctypes.c_ulong, ctypes.c_int)


class Peek:
    """For one open socket."""

    __slots__ = ("_asked", "_pointer")

    def __init__(self, descriptor: int) -> None:
        self._asked = _Asked(descriptor, ARRIVED | _END, 0)
        self._pointer = ctypes.pointer(self._asked)

    def events(self) -> int:
        """0: nothing. `ARRIVED` alone: bytes. Anything else: the other side has ended, or the socket has failed."""
        found: int = self._asked.revents if _poll(self._pointer, 1, 0) else 0
        return found
