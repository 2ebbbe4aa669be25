"""`CatalogBoard`: the catalog of this process now. Readers take `current` and keep it; the refresher swaps it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from gateway.catalog.catalog import Catalog
from gateway.catalog.changes import Change

log = logging.getLogger("gateway.catalog")

Listener = Callable[[Catalog, tuple[Change, ...]], None]
"""Called on the loop after each swap that changed something; must not block."""


@dataclass(frozen=True, slots=True)
class SourceOutcome:
    """`error` is why the last good copy was used; `fetched` is False where a fresh copy made asking needless."""

    source: str
    gateway: str
    rows: int
    at: int
    fetched: bool
    seconds: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class RefreshOutcome:
    """`at` in milliseconds since 1970."""

    at: int
    seconds: float
    models: int
    sources: tuple[SourceOutcome, ...]
    changes: tuple[Change, ...] = ()


class CatalogBoard:
    def __init__(self) -> None:
        self._current = Catalog()
        self._listeners: list[Listener] = []
        self.outcome: RefreshOutcome | None = None

    @property
    def current(self) -> Catalog:
        return self._current

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Returns what stops it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def swap(self, catalog: Catalog, outcome: RefreshOutcome) -> None:
        self._current, self.outcome = catalog, outcome
        if outcome.changes:
            for listener in tuple(self._listeners):
                try:
                    listener(catalog, outcome.changes)
                except Exception:
                    log.exception("a listener of the catalog failed")
