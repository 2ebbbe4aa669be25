"""`Watched`: what `/metrics` and `/stats` show. Made by the back office when it is open."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.batches.runner import BatchFigures
from gateway.cache import ResponseCache
from gateway.state import State
from gateway.usage.meters import Meters
from gateway.usage.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Watched:
    """What is shown. `catalog_age` is in seconds, None without a catalog.

    `token` opens both pages; without one only clients on this machine may read them.
    """

    state: State
    meters: Meters
    recorder: Recorder
    cache: ResponseCache | None = None
    token: str | None = None
    catalog_age: Callable[[], float | None] = lambda: None
    batches: Callable[[], BatchFigures] = BatchFigures
