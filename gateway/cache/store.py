"""`ResponseCache`: entries by key, bounded in bytes and age; the longest unused goes first. In memory, synchronous."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.openai_api.call import Usage

_SHARE = 8
"""No entry may take more than this fraction of the room."""
_FRAME = 1_000
"""Bytes that an entry takes beside its answer."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A whole answer. `pieces` is one body, or the events of a stream in their order. Times are epoch seconds."""

    media_type: str
    pieces: tuple[bytes, ...]
    is_stream: bool
    stored_at: float
    headers: Mapping[str, str] = field(default_factory=dict)
    usage: Usage | None = None

    @property
    def size(self) -> int:
        return _FRAME + sum(map(len, self.pieces)) + 33 * len(self.pieces)


@dataclass(slots=True)
class CacheCounts:
    hits: int = 0
    misses: int = 0
    stored: int = 0
    evicted: int = 0
    expired: int = 0
    refused: int = 0
    """Answers too big to be kept."""

    @property
    def hit_rate(self) -> float:
        """0 to 1; 0 before the first question."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


class ResponseCache:
    """`max_bytes` for everything, `ttl` in seconds. An entry that is older is never given."""

    def __init__(self, max_bytes: int, ttl: float) -> None:
        self.counts = CacheCounts()
        self.max_entry = max_bytes // _SHARE
        self._max_bytes, self._ttl = max_bytes, ttl
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size

    def get(self, key: bytes, now: float) -> Entry | None:
        entry = self._entries.get(key)
        if entry is not None and not 0 <= now - entry.stored_at < self._ttl:
            self._drop(key)
            self.counts.expired += 1
            entry = None
        if entry is None:
            self.counts.misses += 1
            return None
        self.counts.hits += 1
        self._entries.move_to_end(key)
        return entry

    def put(self, key: bytes, entry: Entry) -> None:
        """Takes the place of what was there; the longest unused go until there is room."""
        self._drop(key)
        if entry.size > self.max_entry:
            self.counts.refused += 1
            return
        self._entries[key] = entry
        self._size += entry.size
        self.counts.stored += 1
        while self._size > self._max_bytes:
            oldest = next(iter(self._entries))
            self._drop(oldest)
            self.counts.evicted += 1

    def clear(self) -> int:
        """How many entries went."""
        count = len(self._entries)
        self._entries.clear()
        self._size = 0
        return count

    def _drop(self, key: bytes) -> None:
        if entry := self._entries.pop(key, None):
            self._size -= entry.size
