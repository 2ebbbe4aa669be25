"""The periodic task of the catalog: what is on disk at once, then the sources again and again. Started by the app."""

from gateway.background.tasks import Periodic
from gateway.catalog.parts import CatalogParts

_OFFLINE = 600.0
"""Seconds between looks at the engines and the copies where no source is to be asked."""


class CatalogRefresh:
    def __init__(self, parts: CatalogParts) -> None:
        self._parts = parts
        self._restored = False

    def task(self) -> Periodic:
        return Periodic("catalog", self._parts.period or _OFFLINE, self.run)

    async def run(self) -> None:
        """Restored copies serve callers while the first refresh is under way."""
        if not self._restored or not self._parts.period:
            await self._parts.start()
            self._restored = True
        if self._parts.period:
            await self._parts.refresh()
