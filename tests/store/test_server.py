"""PostgreSQL dies, restarts, stands still, is slow or read-only: said in bounded time, and it works again by itself."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import URL, text

from gateway.errors import ConfigError, StorageUnavailable
from gateway.store.engines import parse_url
from gateway.store.records import Resource
from gateway.store.store import Store
from tests.fakes.postgres import Postgres
from tests.store.conftest import TOLD, Home, put
from tests.store.test_usage_rows import row, spends
from tests.store.timings import PATIENT, QUICK

pytestmark = pytest.mark.slow

BOUND = 6 * QUICK.operation
"""Generous: what must not happen is to wait for ever."""
Result = TypeVar("Result")


async def refused(call: Callable[[], Awaitable[object]]) -> None:
    started = time.monotonic()
    with pytest.raises(StorageUnavailable):
        await call()
    assert time.monotonic() - started < BOUND


async def until_it_works(call: Callable[[], Awaitable[Result]]) -> Result:
    end = time.monotonic() + 60
    while True:
        try:
            return await call()
        except StorageUnavailable:
            assert time.monotonic() < end
            await asyncio.sleep(0.1)


@pytest.fixture
async def lost(own_server: Postgres, tmp_path: Path) -> Home:
    return Home(tmp_path, own_server.database(), own_server)


async def test_a_server_that_dies_is_said_and_found_again(lost: Home, own_server: Postgres) -> None:
    store = await lost.open()
    await store.write([put("a", n=1)], TOLD)
    own_server.stop()
    rows = [row("r1"), row("r2")]
    await refused(lambda: store.write([put("b")], TOLD))
    await refused(lambda: store.read(Resource.USERS))
    await refused(lambda: store.append(rows, spends(*rows)))
    assert await store.wait_for_change(1, 0.5) == 1
    await refused(lambda: Store.open(lost.url, lost.folder, PATIENT))
    own_server.start()
    await until_it_works(lambda: store.append(rows, spends(*rows)))
    await store.append(rows, spends(*rows))
    assert (await store.spent(["total"]))["global", "total"] == 20
    assert [record.id for record in await store.read(Resource.USERS)] == ["a"]
    assert (await store.write([put("b")], TOLD))[0] == 2
    await lost.close()


async def test_a_restart_between_two_calls_is_not_noticed(lost: Home, own_server: Postgres) -> None:
    store = await lost.open()
    await store.write([put("a")], TOLD)
    await store.read(Resource.USERS)
    own_server.stop()
    own_server.start()
    assert (await store.write([put("b")], TOLD))[0] == 2
    assert len(await store.read(Resource.USERS)) == 2
    await lost.close()


async def test_followers_hear_of_changes_again_after_a_restart(lost: Home, own_server: Postgres) -> None:
    ours, theirs = await lost.open(), await lost.open()
    await ours.wait_for_change(0, 0.1)
    own_server.stop()
    own_server.start()
    waiting = asyncio.create_task(ours.wait_for_change(0, 300))
    await until_it_works(lambda: theirs.write([put("a")], TOLD))
    assert await asyncio.wait_for(waiting, 60) >= 1
    await lost.close()


async def test_a_server_that_stands_still_is_given_up(lost: Home, own_server: Postgres) -> None:
    store = await until_it_works(lambda: lost.open(QUICK))
    await until_it_works(lambda: store.write([put("a")], TOLD))
    with own_server.frozen():
        calls = [store.write([put("b")], TOLD), store.read(Resource.USERS), store.write([put("c")], TOLD)]
        started = time.monotonic()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(one, StorageUnavailable) for one in results), results
        assert time.monotonic() - started < BOUND
    await until_it_works(lambda: store.write([put("d")], TOLD))
    assert "d" in {record.id for record in await until_it_works(lambda: store.read(Resource.USERS))}
    await lost.close()


async def test_a_slow_statement_is_stopped(server_home: Home) -> None:
    store = await until_it_works(lambda: server_home.open(replace(PATIENT, statement=QUICK.statement)))
    with pytest.raises(StorageUnavailable, match="slow"):
        await store.query(lambda connection: connection.execute(text("SELECT pg_sleep(60)")).all())
    assert await until_it_works(store.revision) == 0


async def test_a_lock_held_by_another_is_waited_for_and_then_said(server_home: Home) -> None:
    store, other = await server_home.open(replace(PATIENT, lock=1)), await server_home.open()
    holding, over = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold(connection: object) -> None:
        connection.execute(text("LOCK TABLE meta"))  # type: ignore[attr-defined]
        loop.call_soon_threadsafe(holding.set)
        over.wait(60)

    held = asyncio.create_task(other.change(hold))
    await holding.wait()
    with pytest.raises(StorageUnavailable, match="busy"):
        await store.write([put("a")], TOLD)
    over.set()
    await held
    await store.write([put("a")], TOLD)


async def test_a_read_only_server_refuses_writes_and_is_read(server_home: Home) -> None:
    store = await server_home.open()
    await store.write([put("a")], TOLD)
    assert server_home.server and server_home.url
    name = server_home.url.rpartition("/")[2]
    server_home.server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    server_home.server.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
    )
    with pytest.raises(StorageUnavailable, match="read-only"):
        await store.write([put("b")], TOLD)
    assert [record.id for record in await store.read(Resource.USERS)] == ["a"]
    server_home.server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = off")
    server_home.server.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
    )
    await store.write([put("b")], TOLD)


async def test_wrong_addresses_say_what_is_wrong_and_never_the_password(
    postgres_server: Postgres, tmp_path: Path
) -> None:
    for url, words in (
        (postgres_server.address("gateway_none"), "no database of that name"),
        (postgres_server.address("postgres", "a-wrong-secret"), "user or the password"),
        ("mysql://u:a-wrong-secret@127.0.0.1/x", "not supported"),
        ("a-wrong-secret", "not an address"),
    ):
        with pytest.raises(ConfigError, match=words) as refusal:
            await Store.open(url, tmp_path, PATIENT)
        assert "secret" not in refusal.value.message and "one-password" not in refusal.value.message


def test_both_spellings_of_the_scheme_are_taken() -> None:
    for scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        address = parse_url(f"{scheme}://u:p@h:1/d?sslmode=require")
        assert isinstance(address, URL) and address.drivername == "postgresql+psycopg"
