"""Fixtures that every test may use, the mark of what `make check` leaves out, and how lanes share the work."""

import os
from pathlib import Path, PurePath

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

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
_TOGETHER = ("ui", "engines", "e2e")
"""Folders that one lane runs whole, since their tests share what takes long to start."""
_FIRST = (*_TOGETHER, "chute", "certify", "trust", "transport", "store", "api")
"""Folders with long files: what is left for the end is short, so no lane waits long for another."""


class _Lanes(LoadScopeScheduling):
    """A lane takes a file at a time, or a folder of `_TOGETHER`, in the order of `pytest_collection_modifyitems`."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = PurePath(file).parent
        return str(folder) if folder.name in _TOGETHER else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    return _Lanes(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _SLOW.intersection(item.path.parts):
            item.add_marker("slow")
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    folder = item.path.parent.name
    return _FIRST.index(folder) if folder in _FIRST else len(_FIRST)
