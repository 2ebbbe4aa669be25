"""Fixtures that every test may use, and the mark of the suites that `make check` leaves out."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

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

os.environ["SSL_CERT_FILE"] = str(Path(__file__).with_name("data") / "authority.pem")
"""One authority, which signed nothing: each client of a test reads its trust, and a system's takes it 50 ms."""

settings.register_profile("suite", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("suite")

_SLOW = {"transport", "certify", "bench", "trust"}
"""Folders whose tests mostly wait."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _SLOW.intersection(item.path.parts):
            item.add_marker("slow")
