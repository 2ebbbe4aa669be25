"""The three counter stores, each made afresh; Redis is a real one."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from gateway.access.counters.memory import MemoryCounters
from gateway.access.counters.redis import RedisBackend
from gateway.access.counters.shared import SharedCounters
from gateway.access.counters.shared_file import FileBackend
from gateway.access.limits import CounterStore
from tests.fakes.redis_server import RedisServer

Make = Callable[[], Awaitable[CounterStore]]


@pytest.fixture(params=["memory", "file", "redis"])
async def make(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Make]:
    """Makes a counter store that follows the caller's clock; each has nothing counted yet."""
    made: list[CounterStore] = []

    async def one() -> CounterStore:
        counters: CounterStore
        if request.param == "memory":
            counters = MemoryCounters()
        elif request.param == "file":
            counters = SharedCounters(FileBackend(tmp_path / f"counters-{len(made)}.db", patience=20.0))
        else:
            server: RedisServer = request.getfixturevalue("redis_server")
            counters = SharedCounters(
                RedisBackend(server.url, f"{{test-{len(made)}}}", server_time=False, patience=20.0)
            )
        made.append(counters)
        return counters

    yield one
    for counters in made:
        await counters.aclose()


@pytest.fixture
async def counters(make: Make) -> CounterStore:
    return await make()
