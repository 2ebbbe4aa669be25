"""The last good copies of what sources said, in memory and as `STATE_DIR/catalog/{name}.json`: a `timestamp` in
milliseconds and the `data` as it came. A copy that is no longer fresh is kept: it is what there is when a source fails.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gateway.catalog.documents import dumps, loads
from gateway.catalog.files import MAX_FILE, read_json, safe_name, write_bytes

log = logging.getLogger("gateway.catalog")

MOST = 256
MOST_BYTES = 256 * 2**20
"""Copies, and their bytes on disk, at a time; the one not used for longest goes first, with its file."""


def now_ms() -> int:
    return int(time.time() * 1000)


@dataclass(frozen=True, slots=True)
class Copy:
    """`at` is in milliseconds since 1970. `dropped` copies were invalidated: never fresh again.

    Kept as JSON: thousands of objects for each would cost memory, and time whenever garbage is looked for.
    """

    at: int
    body: bytes
    size: int = 0
    """Bytes on disk; 0 where there is no file."""
    dropped: bool = False

    @property
    def document(self) -> Any:
        """Parsed anew each time."""
        return loads(self.body)

    def age(self, now: int) -> float:
        """Seconds."""
        return max(0.0, (now - self.at) / 1000)

    def fresh(self, now: int, ttl: float) -> bool:
        return not self.dropped and self.at <= now and self.age(now) < ttl


class Shelf:
    """`folder` None keeps copies in memory alone. Used on one event loop; files are read and written in threads."""

    def __init__(
        self, folder: Path | None, clock: Callable[[], int] = now_ms, most: int = MOST, most_bytes: int = MOST_BYTES
    ) -> None:
        self._folder = folder
        self._copies: dict[str, Copy] = {}
        self._most = most
        self._most_bytes = most_bytes
        self._is_tidy = folder is None
        self.clock = clock

    async def get(self, name: str) -> Copy | None:
        if name not in self._copies and self._folder:
            found = await asyncio.to_thread(self._read, name)
            if found and name not in self._copies:
                self._keep(name, found)
        if copy := self._copies.get(name):
            self._copies[name] = self._copies.pop(name)
            return copy
        return None

    async def put(self, name: str, document: Any) -> Copy:
        """Never raises: a disk that takes no more leaves the copy in memory."""
        at, size = self.clock(), 0
        body = await asyncio.to_thread(dumps, document)
        self._keep(name, Copy(at, body))
        if not self._is_tidy:
            self._is_tidy = True
            await asyncio.to_thread(self._tidy)
        if self._folder:
            try:
                size = await asyncio.to_thread(_write, self._path(name), at, body)
            except OSError as error:
                log.warning("the copy of %s cannot be written: %s", name, error.strerror or type(error).__name__)
        copy = Copy(at, body, size)
        self._keep(name, copy)
        return copy

    def invalidate(self) -> int:
        """From now on no copy is fresh; they stay as what was last good. Returns their number."""
        self._copies = {name: replace(c, dropped=True) for name, c in self._copies.items()}
        return len(self._copies)

    def entries(self) -> list[tuple[str, Copy]]:
        return sorted(self._copies.items(), key=lambda one: one[0])

    def _keep(self, name: str, copy: Copy) -> None:
        self._copies.pop(name, None)
        self._copies[name] = copy
        total = sum(kept.size for kept in self._copies.values())
        while len(self._copies) > self._most or (total > self._most_bytes and len(self._copies) > 1):
            total -= next(iter(self._copies.values())).size
            oldest = next(iter(self._copies))
            del self._copies[oldest]
            if self._folder:
                with contextlib.suppress(OSError):
                    self._path(oldest).unlink(missing_ok=True)

    def _tidy(self) -> None:
        """Of files that were there before, nobody may ever ask for again: only so many of the newest stay."""
        assert self._folder is not None
        files, total = [], 0
        for path in self._folder.glob("*.json"):
            with contextlib.suppress(OSError):
                files.append((path.stat(), path))
        for n, (stat, path) in enumerate(sorted(files, key=lambda one: -one[0].st_mtime_ns)):
            total += stat.st_size
            if n >= self._most or total > self._most_bytes:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

    def _read(self, name: str) -> Copy | None:
        path = self._path(name)
        content = read_json(path)
        if not isinstance(content, dict) or not isinstance(content.get("timestamp"), int) or "data" not in content:
            return None
        try:
            return Copy(content["timestamp"], dumps(content["data"]), path.stat().st_size)
        except OSError:
            return None

    def _path(self, name: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{safe_name(name)}.json"


def _write(path: Path, at: int, body: bytes) -> int:
    """The number of bytes written; 0 where the document is too large to keep."""
    return write_bytes(path, b'{"timestamp":%d,"data":%b}' % (at, body)) if len(body) <= MAX_FILE else 0
