"""`GET /chutes/{id}`: the chutes that no list of models describes, one by one, with their cords."""

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from gateway.catalog.client import JsonClient
from gateway.catalog.facts import CHUTES, Facts
from gateway.catalog.fields import DETAIL
from gateway.catalog.readers import mapping, rows
from gateway.catalog.sources.base import HOUR
from gateway.catalog.sources.chute_rows import read_chutes
from gateway.errors import GatewayError

MOST = 50
"""Details of so many chutes are asked for at a time."""
_AT_ONCE = 4


class ChuteDetails:
    """`wanted` are the chute ids that are worth asking for, the most used first."""

    name = DETAIL
    gateway = CHUTES
    file = "detail"
    timeout = 60.0

    def __init__(self, api_url: str, wanted: Sequence[str], key: str = "", ttl: float = HOUR) -> None:
        self._url = f"{api_url.rstrip('/')}/chutes"
        self._wanted = wanted[:MOST]
        self._key = key
        self.ttl = ttl

    async def fetch(self, client: JsonClient) -> Any:
        """Chutes that are gone meanwhile are left out; fails only when all do."""
        gate = asyncio.Semaphore(_AT_ONCE)
        failures: list[GatewayError] = []

        async def one(chute_id: str) -> Any:
            async with gate:
                try:
                    return await client.get(chute_url(self._url, chute_id), key=self._key)
                except GatewayError as error:
                    failures.append(error)
                    return None

        items = [item for item in await asyncio.gather(*map(one, self._wanted)) if item is not None]
        if failures and not items:
            raise failures[0]
        return {"items": items}

    def read(self, document: Any, at: int) -> Facts:
        """Of chutes that are still listed: a copy outlives its chute."""
        return read_chutes(self.name, rows(mapping(document).get("items")), at, {}, api_url=self._url, annotates=True)


def chute_url(base: str, chute_id: str) -> str:
    return f"{base}/{quote(chute_id, safe='')}"
