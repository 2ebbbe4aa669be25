"""Answers kept in memory, to be given again to an equal request of the same tenant."""

from gateway.cache.keep import Recorded, Replayed, keep, replay
from gateway.cache.key import CACHEABLE, cache_key
from gateway.cache.store import Entry, ResponseCache
from gateway.cache.wish import Wish, read_wish

__all__ = [
    "CACHEABLE",
    "Entry",
    "Recorded",
    "Replayed",
    "ResponseCache",
    "Wish",
    "cache_key",
    "keep",
    "read_wish",
    "replay",
]
