"""Bounds on what callers attach. Sources: OpenAI's 25 MB for audio, acceptance row A002-17 for images."""

import asyncio
from dataclasses import dataclass, field

from gateway.media.fetch import fetch

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

    async def fetch(self, url: str) -> tuple[bytes, str]:
        """The bytes and media type behind a client-supplied URL. Raises InvalidImage."""
        return await fetch(
            url,
            max_bytes=self.max_image_bytes,
            timeout=self.timeout,
            allowed_domains=self.image_domains or None,
            refused_ports=self.own_ports,
        )
