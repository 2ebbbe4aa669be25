"""The bundled snapshot: models of Chutes at the date it carries. What there is before anything else was heard."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from gateway.catalog.client import JsonClient
from gateway.catalog.facts import CHUTES, Facts, ModelFacts, Price, PriceKind
from gateway.catalog.fields import SNAPSHOT
from gateway.catalog.prices import field_name
from gateway.catalog.readers import mapping, name, number, text, words
from gateway.errors import ConfigError

FILE = Path(__file__).resolve().parents[1] / "data" / "snapshot.json"
_HOURLY = field_name(PriceKind.HOUR)


class Snapshot:
    name = SNAPSHOT
    gateway = CHUTES
    file = ""
    ttl = float("inf")
    timeout = 5.0

    def __init__(self, path: Path = FILE) -> None:
        self._path = path

    async def fetch(self, client: JsonClient) -> Any:
        return self.load()

    def load(self) -> Any:
        """Raises ConfigError for a file that is missing or broken: the catalog lives without it."""
        try:
            return orjson.loads(self._path.read_bytes())
        except (OSError, ValueError):
            raise ConfigError(f"the bundled catalog {self._path.name} cannot be read") from None

    def read(self, document: Any, at: int) -> Facts:
        """`at` does not matter: the date of the file does."""
        content = mapping(document)
        dated, tags = _date(text(content.get("date"), 32)), mapping(content.get("tags"))
        models = tuple(
            ModelFacts(
                title,
                title,
                fields={
                    "model_type": text(category, 64),
                    **({_HOURLY: Price(usd, at=dated)} if (usd := number(price)) is not None else {}),
                    **({"tags": found} if (found := words(tags.get(title))) else {}),
                },
            )
            for category, found_models in mapping(content.get("models")).items()
            for title, price in mapping(found_models).items()
            if name(title)
        )
        reason = f"bundled with the gateway, as of {text(content.get('date'), 32)}"
        return Facts(self.name, models=models, at=dated, stale=reason)


def _date(day: str) -> int:
    try:
        return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        return 0
