"""`CatalogSource`: what every source is. Fetching is I/O on the loop, reading is pure and runs in a thread."""

from typing import Any, Protocol

from gateway.catalog.client import JsonClient
from gateway.catalog.facts import Facts

HOUR = 3600.0


class CatalogSource(Protocol):
    """The fetched document is kept as the last good copy, so that it can be read again when the source fails."""

    @property
    def name(self) -> str:
        """Unique; the class of `fields.source_class` decides whom to trust."""
        ...

    @property
    def gateway(self) -> str: ...

    @property
    def file(self) -> str:
        """Of the last good copy, without its folder and ending; empty: nothing is kept."""
        ...

    @property
    def ttl(self) -> float:
        """Seconds for which a copy is fresh."""
        ...

    @property
    def timeout(self) -> float:
        """Seconds for a whole fetch."""
        ...

    async def fetch(self, client: JsonClient) -> Any:
        """The document, as JSON can hold it; taken apart when it was read. Raises GatewayError."""
        ...

    def read(self, document: Any, at: int) -> Facts:
        """What a document of the time `at` (milliseconds since 1970) says. Never raises: bad rows are rejected."""
        ...
