"""Fixtures that every test may use, the mark of what `make check` leaves out, and how lanes share the work."""

import gc
import os
from collections.abc import Generator
from pathlib import Path, PurePath

import pytest
from hypothesis import HealthCheck, settings
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

# How long an example takes, or its making, says how busy the machine is. In CI the examples are the same each time:
# what a new one finds is no fault of the change that is looked at.
settings.register_profile(
    "suite", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("suite")

_SLOW = {"transport", "certify", "bench", "trust"}
"""Folders whose tests mostly wait."""
_TOGETHER = {
    "engines": "engines",
    "e2e": "engines",
    "chute/test_deployed_engines.py": "engines",
    "ui/test_real_engines.py": "engines",
    "ui": "ui",
}
"""Folders and files that one lane runs whole: they share what takes long to start, or what only one of them may take at
a time, as real engines take the processor and the memory of the machine."""
_FIRST = ("engines", "ui", "chute", "trust", "certify", "store", "transport", "platform", "api", "admin")
"""Lanes and folders with long files: what is left for the end is short, so no lane waits long for another."""


class _Lanes(LoadScopeScheduling):
    """A lane takes a file at a time, or all that is `_TOGETHER`, in the order of `pytest_collection_modifyitems`."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return _together(PurePath(file)) or file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    return _Lanes(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is loaded for all tests stays: looking through it again and again for garbage takes a sixth of the time, and
    half a second at a time from a test under way."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _SLOW.intersection(item.path.parts):
            item.add_marker("slow")
    items.sort(key=_turn)


def _together(file: PurePath) -> str | None:
    folder = file.parent.name
    return _TOGETHER.get(f"{folder}/{file.name}") or _TOGETHER.get(folder)


def _turn(item: pytest.Item) -> int:
    name = _together(item.path) or item.path.parent.name
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)
