"""A store on each database, and rows to put into it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.store.store import Store
from gateway.usage.types import UsageRow

NOON = 1_795_262_400.0
"""2026-11-21T12:00:00Z."""


def row(request_id: str, at: float = NOON, **given: Any) -> UsageRow:
    known: dict[str, Any] = {
        "operation": "chat.completions",
        "model": "fast",
        "route": "fast",
        "status": 200,
        "key_id": "k1",
        "user_id": "u1",
        "provider_id": "main",
        "upstream_model": "big",
        "latency_ms": 100.0,
    }
    return UsageRow(request_id, at, **(known | given))


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None
    opened = await Store.open(server.database() if server else None, tmp_path / "state")
    yield opened
    await opened.close()
