"""Work that takes long, in a thread that gives way to the event loop quickly. Used by the refresher and the API."""

import asyncio
import gc
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_SWITCH = 0.0005
"""Seconds after which the interpreter takes the thread off while others wait; its default of 0.005 is felt by every
request, as each step of the loop has to wait so long. Garbage of cycles waits too: looking for it stops all threads."""
_DEFAULT = sys.getswitchinterval()
_working = 0


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As `asyncio.to_thread`."""
    global _working
    _working += 1
    sys.setswitchinterval(_SWITCH)
    gc.disable()
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    finally:
        _working -= 1
        if _working == 0:
            sys.setswitchinterval(_DEFAULT)
            gc.enable()
