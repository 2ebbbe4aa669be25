"""Sound in the format that was asked for, through a process of its own. Called by the adapters.

What a provider sends can at worst end the process that reads it.
"""

import asyncio
import json

from gateway.media.confined import confined
from gateway.media.sound import FORMATS

_PARALLEL = 2
_CPU_SECONDS = 60


class NotConverted(Exception):
    """The sound cannot be read, or not in time."""


class Voices:
    """Brings sounds to formats, a few at a time."""

    def __init__(self, parallel: int = _PARALLEL) -> None:
        self._slots = asyncio.Semaphore(parallel)

    async def convert(self, data: bytes, media_type: str, form: str, patience: float) -> bytes:
        """`form` is one of `transcoder.FORMS`, `patience` in seconds. Raises NotConverted."""
        if media_type not in FORMATS:
            raise NotConverted(media_type)
        order = {"from": FORMATS[media_type], "to": form, "cpu_seconds": _CPU_SECONDS}
        try:
            async with asyncio.timeout(patience), self._slots:
                return await _made(json.dumps(order).encode(), data)
        except TimeoutError:
            raise NotConverted("late") from None


async def _made(order: bytes, data: bytes) -> bytes:
    async with confined("gateway.media.transcoder") as process:
        giving = asyncio.ensure_future(process.give(order, b"\n", data))
        try:
            line = json.loads(await process.stdout.readline() or b"{}")
            if "size" not in line:
                raise NotConverted(str(line.get("why", "died")))
            return await process.stdout.readexactly(line["size"])
        except (asyncio.IncompleteReadError, ValueError):
            raise NotConverted("died") from None
        finally:
            giving.cancel()
