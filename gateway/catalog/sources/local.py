"""The engines of this machine, from the board that runs them."""

from collections.abc import Callable, Iterable
from typing import Any

from gateway.catalog.client import JsonClient
from gateway.catalog.facts import LOCAL, Facts, ModelFacts
from gateway.catalog.fields import LOCAL_ENGINES
from gateway.catalog.readers import mapping, rows, said
from gateway.openai_api.operations import ModelType
from gateway.providers.engines import EngineState, EngineStatus

_TYPES = frozenset(ModelType)


class LocalEngines:
    name = LOCAL_ENGINES
    gateway = LOCAL
    file = ""
    ttl = 0.0
    timeout = 5.0

    def __init__(self, statuses: Callable[[], Iterable[EngineStatus]]) -> None:
        self._statuses = statuses

    async def fetch(self, client: JsonClient) -> Any:
        return [
            {
                "engine": status.name,
                "model": status.model,
                "kind": status.kind,
                "runtime": status.runtime,
                "ready": status.state == EngineState.READY,
                "demo": status.demo,
            }
            for status in self._statuses()
        ]

    def read(self, document: Any, at: int) -> Facts:
        models = []
        for item in rows(document):
            row = mapping(item)
            fields = said(
                (
                    ("type", row["kind"] if row["kind"] in _TYPES else None),
                    ("template", row["runtime"]),
                    ("hot", row["ready"]),
                    ("owned_by", "local"),
                    ("tags", ("demo",) if row["demo"] else ()),
                )
            )
            models.append(ModelFacts(row["engine"], row["model"], fields=fields))
        return Facts(self.name, self.gateway, tuple(models), at=at)
