"""`GET /v1/models` of a configured provider, in whatever shape it has."""

import asyncio
from typing import Any

from gateway.catalog.client import JsonClient
from gateway.catalog.facts import Facts, ModelFacts
from gateway.catalog.fields import PROVIDER
from gateway.catalog.prices import per_token
from gateway.catalog.readers import mapping, name, rows
from gateway.catalog.sources.base import HOUR
from gateway.catalog.sources.llm import abilities
from gateway.errors import UpstreamTimeout
from gateway.openai_api.operations import ModelType
from gateway.providers.base import Provider
from gateway.providers.exchange import remote
from gateway.providers.listing import list_entries

_TYPES = frozenset(ModelType)


class ProviderModels:
    timeout = 30.0

    def __init__(self, provider: Provider, ttl: float = HOUR) -> None:
        self.name = f"{PROVIDER}:{provider.id}"
        self.gateway = provider.id
        self.file = f"provider_{provider.id}"
        self.ttl = ttl
        self._provider = provider

    async def fetch(self, client: JsonClient) -> Any:
        try:
            async with asyncio.timeout(self.timeout):
                found = await list_entries(client.transport, remote(self._provider))
        except TimeoutError:
            raise UpstreamTimeout(f"The provider did not list its models within {self.timeout:g} s.") from None
        return {"data": [entry for entry, _ in found]}

    def read(self, document: Any, at: int) -> Facts:
        models = []
        for item in rows(mapping(document).get("data")):
            row = mapping(item)
            if id := name(row.get("id") or row.get("name")):
                kind = {"type": row["type"]} if row.get("type") in _TYPES else {}
                fields = abilities(row) | per_token(row.get("pricing"), at) | kind
                models.append(ModelFacts(id, id, fields=fields | {"lists_chat": True}))
        return Facts(self.name, self.gateway, tuple(models), at=at)
