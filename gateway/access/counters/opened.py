"""`open_counters`: the counter store that suits the configuration. Called at start, once for each process."""

from importlib import import_module
from pathlib import Path

from gateway.access.counters.memory import MemoryCounters
from gateway.access.counters.shared import SharedCounters
from gateway.access.counters.shared_file import FileBackend

FILE = "counters.db"


def open_counters(redis_url: str | None, workers: int, state_dir: Path) -> MemoryCounters | SharedCounters:
    """Redis where it is configured, a file in STATE_DIR for several workers, else this process's memory.

    Opens nothing yet: Redis that cannot be reached is no reason not to start. Raises ConfigError for a bad URL.
    """
    if redis_url:
        redis = import_module("gateway.access.counters.redis")  # its client takes 60 ms and 6 MB
        return SharedCounters(redis.RedisBackend(redis_url))
    if workers > 1:
        return SharedCounters(FileBackend(state_dir / FILE))
    return MemoryCounters()
