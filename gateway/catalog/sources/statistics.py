"""`GET /invocations/stats/llm`: how fast and how often chat models answered in the last days."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from gateway.catalog.client import JsonClient
from gateway.catalog.facts import CHUTES, Facts, ModelFacts
from gateway.catalog.fields import STATISTICS
from gateway.catalog.readers import mapping, name, number, rows, text
from gateway.catalog.sources.base import HOUR
from gateway.errors import UpstreamBadResponse

DAYS = 3
"""Without dates the endpoint sends its whole history, some 77,000 rows."""


def _today() -> date:
    return datetime.now(UTC).date()


class Statistics:
    name = STATISTICS
    gateway = CHUTES
    file = "statistics"
    timeout = 30.0

    def __init__(self, api_url: str, ttl: float = HOUR, today: Callable[[], date] = _today) -> None:
        self._url = f"{api_url.rstrip('/')}/invocations/stats/llm"
        self._today = today
        self.ttl = ttl

    async def fetch(self, client: JsonClient) -> Any:
        end = self._today()
        dates = {"start_date": (end - timedelta(days=DAYS)).isoformat(), "end_date": end.isoformat()}
        document = await client.get(self._url, dates, timeout=self.timeout)
        if not isinstance(document, list):
            raise UpstreamBadResponse("The statistics are not a list.")
        return document

    def read(self, document: Any, at: int) -> Facts:
        """One row a model: means over the days, weighted by the requests of each."""
        by_model: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for item in rows(document):
            row = mapping(item)
            if key := text(row.get("chute_id"), 64) or name(row.get("name")):
                by_model[key].append(row)
        models = (_model(key, found) for key, found in by_model.items())
        return Facts(self.name, models=tuple(models), at=at, annotates=True)


def _model(key: str, found: list[Mapping[str, Any]]) -> ModelFacts:
    days = len({str(row.get("date")) for row in found})
    requests = sum(number(row.get("total_requests")) or 0 for row in found)
    fields: dict[str, Any] = {"requests_per_day": round(requests / days)}
    for field, column in (("ttft", "average_ttft"), ("tps", "average_tps")):
        known = [(value, number(row.get("total_requests")) or 1) for row in found if (value := number(row.get(column)))]
        if known:
            fields[field] = round(sum(value * n for value, n in known) / sum(n for _, n in known), 4)
    return ModelFacts(key, name(found[0].get("name")), text(found[0].get("chute_id"), 64), fields)
