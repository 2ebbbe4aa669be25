"""Bounds on what callers attach, and how long recordings are parted.

Sources: OpenAI's 25 MB for audio, acceptance row A002-17 for images.
"""

import asyncio
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from gateway.routing.types import Splitting

MB = 2**20


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """`image_domains` empty = any public host; `own_ports` are never fetched from, whatever the host."""

    max_image_bytes: int = 20 * MB
    max_audio_bytes: int = 25 * MB
    max_pages: int = 32
    max_pixels: int = 50_000_000
    dpi: int = 200
    timeout: float = 30.0
    """Seconds for fetching one file, and for rendering one document."""
    image_domains: tuple[str, ...] = ()
    own_ports: tuple[int, ...] = ()
    rendering: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """Documents opened at a time: each takes a process of its own."""
    splitting: Splitting = Splitting()
    parting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))
    """Long recordings opened at a time: so does each of them."""
    parting_timeout: float = 60.0
    """Seconds to wait for such a process, and for each piece."""

    async def fetch(self, url: str) -> tuple[bytes, str]:
        """The bytes and media type behind a client-supplied URL. Raises InvalidImage."""
        found: tuple[bytes, str] = await _fetching().fetch(
            url,
            max_bytes=self.max_image_bytes,
            timeout=self.timeout,
            allowed_domains=self.image_domains or None,
            refused_ports=self.own_ports,
        )
        return found

    async def judge(self, url: str) -> None:
        """For URLs that an upstream is going to fetch. Raises InvalidImage."""
        domains = self.image_domains or None
        await _fetching().refuse_unsafe_url(url, allowed_domains=domains, refused_ports=self.own_ports)


def _fetching() -> Any:
    """httpx takes 100 ms and 7 MB to load: that waits for the first URL."""
    return import_module("gateway.media.fetch")
