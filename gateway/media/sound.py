"""Long recordings to pieces, through a process of its own. Called by `pipeline`.

A recording can at worst end the process that reads it.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.media.confined import confined

FORMATS: Mapping[str, str] = {
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/mpeg": "mp3",
    "audio/aac": "aac",
    "audio/mp4": "mov",
    "video/mp4": "mov",
    "audio/webm": "matroska",
    "video/x-matroska": "matroska",
    "video/mpeg": "mpeg",
}
"""What FFmpeg calls the formats: it is to try no other."""
LONGEST = 12 * 3600.0
"""Seconds; what lasts longer is left alone."""
LONGEST_PIECE = 750.0
"""Seconds, whose samples as they are come to less than the 25 MB that upstreams take."""
_CPU_SECONDS = 300
"""An hour of mp3 takes about ten."""


class NotSplit(Exception):
    """The recording is short, is too long, or cannot be read: it is for somebody else to judge."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a recording as FLAC, 16 kHz mono, from `start` to `end` seconds. It stands for what lies between its
    cuts: `lead` seconds at its beginning and `tail` at its end are told by its neighbours too."""

    data: bytes
    start: float
    end: float
    lead: float = 0.0
    tail: float = 0.0

    @property
    def begins(self) -> float:
        return self.start + self.lead

    @property
    def ends(self) -> float:
        return self.end - self.tail


async def split_sound(
    data: bytes, media_type: str, most: float, slots: asyncio.Semaphore, patience: float
) -> AsyncGenerator[Piece, None]:
    """At least two pieces of at most `most` seconds, in order, each as soon as it is cut.

    `slots` bounds how many recordings are open at a time, `patience` the seconds to wait for a slot and for each piece.
    Raises NotSplit, also in the middle.
    """
    if media_type not in FORMATS:
        raise NotSplit(media_type)
    order = {
        "format": FORMATS[media_type],
        "most": min(most, LONGEST_PIECE),
        "longest": LONGEST,
        "cpu_seconds": _CPU_SECONDS,
    }
    try:
        async with asyncio.timeout(patience):
            await slots.acquire()
    except TimeoutError:
        raise NotSplit("busy") from None
    try:
        async with confined("gateway.media.splitter") as process:
            giving = asyncio.ensure_future(process.give(json.dumps(order).encode(), b"\n", data))
            try:
                while (piece := await _next(process.stdout, patience)) is not None:
                    yield piece
            finally:
                giving.cancel()
    finally:
        slots.release()


async def _next(source: asyncio.StreamReader, patience: float) -> Piece | None:
    """None after the last one."""
    try:
        async with asyncio.timeout(patience):
            line: dict[str, Any] = json.loads(await source.readline() or b"{}")
            if "size" in line:
                data = await source.readexactly(line["size"])
                return Piece(data, line["start"], line["end"], line["lead"], line["tail"])
    except (asyncio.IncompleteReadError, ValueError, TimeoutError):
        raise NotSplit("died") from None
    if not line.get("done"):
        raise NotSplit(str(line.get("why", "died")))
    return None
