"""`GET /chutes/utilization`: how busy each chute is, and how many instances it has."""

from typing import Any

from gateway.catalog.client import JsonClient
from gateway.catalog.facts import CHUTES, Facts, ModelFacts
from gateway.catalog.fields import UTILIZATION
from gateway.catalog.readers import mapping, name, number, rows, said, text, whole
from gateway.errors import UpstreamBadResponse


class Utilization:
    name = UTILIZATION
    gateway = CHUTES
    file = "utilization"
    timeout = 30.0

    def __init__(self, api_url: str, ttl: float = 60.0) -> None:
        self._url = f"{api_url.rstrip('/')}/chutes/utilization"
        self.ttl = ttl

    async def fetch(self, client: JsonClient) -> Any:
        document = await client.get(self._url, timeout=self.timeout)
        if not isinstance(document, list):
            raise UpstreamBadResponse("The utilization is not a list.")
        return document

    def read(self, document: Any, at: int) -> Facts:
        models = []
        for item in rows(document):
            row = mapping(item)
            chute_id, title = text(row.get("chute_id"), 64), name(row.get("name"))
            if chute_id or title:
                fields = said(
                    (
                        ("utilization", number(row.get("utilization_current"))),
                        ("utilization_1h", number(row.get("utilization_1h"))),
                        ("rate_limit_ratio", number(row.get("rate_limit_ratio_5m"))),
                        ("instances", whole(row.get("instance_count"))),
                        ("active_instances", whole(row.get("active_instance_count"))),
                    )
                )
                models.append(ModelFacts(chute_id or title, title, chute_id, fields))
        return Facts(self.name, models=tuple(models), at=at, annotates=True)
