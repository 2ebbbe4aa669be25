"""Fixtures that every test may use, and the mark of the suites that `make check` leaves out."""

import pytest

from tests.fakes.fixtures import other_upstream, upstream, upstream_server
from tests.fakes.postgres import postgres_server
from tests.fakes.redis_server import redis_process, redis_server

__all__ = [
    "other_upstream",
    "postgres_server",
    "redis_process",
    "redis_server",
    "upstream",
    "upstream_server",
]

_SLOW = {"transport", "certify", "bench", "trust"}
"""Folders whose tests mostly wait."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _SLOW.intersection(item.path.parts):
            item.add_marker("slow")
