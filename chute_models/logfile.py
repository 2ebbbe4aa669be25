"""The output of one engine: a file of bounded size, and its last lines in memory."""

import contextlib
import threading
from collections import deque
from pathlib import Path

MAX_BYTES = 4 * 1024 * 1024
MAX_LINE = 4096
KEPT_LINES = 500


class EngineLog:
    """Lines go to `path`; when it is full it becomes `path` + `.1` and a new one begins. Thread-safe.
    A full disk loses lines but never stops the engine."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._size = path.stat().st_size if path.exists() else 0

    def write(self, line: str) -> None:
        text = line[:MAX_LINE]
        data = text.encode(errors="replace") + b"\n"
        with self._lock:
            self._lines.append(text)
            with contextlib.suppress(OSError):
                self._append(data)

    def _append(self, data: bytes) -> None:
        if self._size + len(data) > self._max_bytes:
            self._path.replace(self._path.with_name(self._path.name + ".1"))
            self._size = 0
        with self._path.open("ab") as file:
            file.write(data)
        self._size += len(data)

    def tail(self, lines: int) -> list[str]:
        """The last lines, oldest first."""
        with self._lock:
            return list(self._lines)[-lines:] if lines > 0 else []
