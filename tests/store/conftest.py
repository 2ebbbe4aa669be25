"""A store on each database. `home` is where one is; a test may open it several times, as processes do."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.store.engines import Timing
from gateway.store.records import Audit, Put, Resource
from gateway.store.store import Store
from tests.fakes.postgres import Postgres, program
from tests.store.timings import PATIENT

TOLD = Audit("tester", "update", "users", "x", address="127.0.0.1")


@dataclass
class Home:
    """`url` is None for SQLite in `folder`. `open` gives a new store, closed after the test at the latest."""

    folder: Path
    url: str | None = None
    server: Postgres | None = None
    opened: list[Store] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder / "gateway.db"

    async def open(self, timing: Timing = PATIENT) -> Store:
        store = await Store.open(self.url, self.folder, timing)
        self.opened.append(store)
        return store

    async def close(self) -> None:
        for store in self.opened:
            await store.close()
        self.opened.clear()


def put(id: str, expected: int | None = None, handle: str | None = None, **document: object) -> Put:
    return Put(Resource.USERS, id, document, handle=handle, expected=expected)


@pytest.fixture(params=["sqlite", "postgresql"])
async def home(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Home]:
    server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None
    place = Home(tmp_path / "state", server.database() if server else None, server)
    yield place
    await place.close()


@pytest.fixture
async def file_home(tmp_path: Path) -> AsyncIterator[Home]:
    """SQLite alone."""
    place = Home(tmp_path / "state")
    yield place
    await place.close()


@pytest.fixture
async def server_home(postgres_server: Postgres, tmp_path: Path) -> AsyncIterator[Home]:
    """PostgreSQL alone."""
    place = Home(tmp_path / "state", postgres_server.database(), postgres_server)
    yield place
    await place.close()


@pytest.fixture
async def store(home: Home) -> Store:
    return await home.open()


@pytest.fixture
def own_server() -> Iterator[Postgres]:
    """A PostgreSQL that the test may stop."""
    if program("initdb") is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.close()
