"""Work that takes long, in a thread that gives way to the event loop quickly. Used by the refresher and the API."""

import asyncio
import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_SWITCH = 0.0005
"""Seconds after which the interpreter takes the thread off while others wait; its default of 0.005 is felt by every
request, as each step of the loop has to wait so long."""


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As `asyncio.to_thread`."""
    with _manners.kept():
        return await asyncio.to_thread(work, *args, **kwargs)


class _Manners:
    """While anything is at work threads switch quickly, and nobody looks for cycles of garbage, which would stop them
    all for as long as thousands of new objects take to look through."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._working = 0
        self._before = (sys.getswitchinterval(), True)

    @contextmanager
    def kept(self) -> Iterator[None]:
        with self._lock:
            self._working += 1
            if self._working == 1:
                self._before = (sys.getswitchinterval(), gc.isenabled())
                sys.setswitchinterval(_SWITCH)
                gc.disable()
        try:
            yield
        finally:
            with self._lock:
                self._working -= 1
                if self._working == 0:
                    sys.setswitchinterval(self._before[0])
                    if self._before[1]:
                        gc.enable()


_manners = _Manners()
