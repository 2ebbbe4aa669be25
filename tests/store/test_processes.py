"""Several processes on one database, and killed ones: nothing acknowledged is lost, nothing is half there."""

import asyncio
import random
import sqlite3
import sys
from contextlib import closing

import pytest
from sqlalchemy import func, select

from gateway.errors import Conflict, Outdated
from gateway.store.records import Delete, Put, Resource
from gateway.store.store import Store
from gateway.store.tables import usage, usage_hours
from tests.store.conftest import TOLD, Home, put

pytestmark = pytest.mark.slow
ROUNDS = {"sqlite": 10, "postgresql": 3}
"""A killed client of a server is no great danger to what the server keeps."""
WRITES = 1000


async def writer(home: Home, *words: str) -> asyncio.subprocess.Process:
    """A process that has opened the store."""
    command = [sys.executable, "-m", "tests.store.writer", home.url or "-", str(home.folder), *words]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout and await process.stdout.readline() == b"open\n"
    return process


async def until_let_go(home: Home) -> None:
    """A server may still be at the last write of a client that is dead."""
    if home.url and home.server:
        name = home.url.rpartition("/")[2]
        others = f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
        async with asyncio.timeout(60):
            while home.server.execute(others):
                await asyncio.sleep(0.02)


async def check(store: Store, acknowledged: set[int]) -> tuple[int, int]:
    """How many writes are there that were acknowledged, and how many that were not."""
    halves: dict[int, set[str]] = {}
    for record in await store.read(Resource.USERS):
        number, _, half = record.id.partition("-")
        halves.setdefault(int(number), set()).add(half)
    assert all(found == {"a", "b"} for found in halves.values()), "half a write"
    assert acknowledged <= halves.keys(), "an acknowledged write is lost"
    audits = (await store.audits(limit=1))[1]
    assert await store.revision() == audits == len(halves)
    rows = await store.query(lambda connection: set(connection.execute(select(usage.c.request_id)).scalars()))
    assert {f"r{n}" for n in acknowledged} <= rows
    counted = select(func.sum(usage_hours.c.requests))
    assert await store.query(lambda connection: int(connection.execute(counted).scalar_one())) == len(rows)
    assert (await store.spent(["total"]))["global", "total"] == len(rows)
    return len(acknowledged), len(halves.keys() - acknowledged)


async def test_kill_9_loses_no_acknowledged_write_and_leaves_no_half_one(home: Home) -> None:
    chance = random.Random(9)
    acknowledged: set[int] = set()
    late = 0
    rounds = ROUNDS["postgresql" if home.url else "sqlite"]
    for round in range(rounds):
        process = await writer(home, "kill", str(round * WRITES), str(WRITES))
        assert process.stdout
        for _ in range(chance.randrange(1, WRITES // 10)):
            acknowledged.add(int(await process.stdout.readline()))
        await asyncio.sleep(chance.random() / 100)
        process.kill()
        acknowledged.update(
            int(line) for line in (await process.stdout.read()).splitlines(keepends=True) if line.endswith(b"\n")
        )
        await process.wait()
        await until_let_go(home)
        store = await home.open()
        found, late = await check(store, acknowledged)
        await store.close()
    if not home.url:
        with closing(sqlite3.connect(home.file)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    print(f"kill -9: {rounds} rounds, {found} writes acknowledged and there, {late} whole without acknowledgement")


async def test_two_processes_with_64_writers_lose_no_change(home: Home) -> None:
    store = await home.open()
    await store.write([Put(Resource.SETTINGS, "counter", {"n": 0})], TOLD)
    processes = [await writer(home, "race", "32") for _ in range(2)]
    said = [(await process.communicate())[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    record = await store.get(Resource.SETTINGS, "counter")
    assert record and record.document == {"n": 64} and record.version == 65
    assert await store.revision() == 65 and (await store.audits())[1] == 65
    print(f"64 writers in 2 processes: 64 changes kept, {sum(map(int, said))} refused as outdated and tried again")


async def test_of_64_who_change_one_version_one_wins(home: Home) -> None:
    stores = [await home.open() for _ in range(2)]
    await stores[0].write([put("a", 0, n=0)], TOLD)
    writes = [stores[n % 2].write([put("a", 1, n=n)], TOLD) for n in range(64)]
    results = await asyncio.gather(*writes, return_exceptions=True)
    won = [one for one in results if not isinstance(one, BaseException)]
    assert len(won) == 1 and sum(isinstance(one, Outdated) for one in results) == 63
    assert await stores[0].get(Resource.USERS, "a") == won[0][1][0]
    results = await asyncio.gather(
        *(stores[n % 2].write([put("new", 0, n=n)], TOLD) for n in range(64)), return_exceptions=True
    )
    assert sum(isinstance(one, Conflict) for one in results) == 63


async def test_a_follower_that_reads_all_the_time_ends_with_what_is_there(home: Home) -> None:
    ours, theirs = await home.open(), await home.open()
    known: dict[str, int] = {}
    seen = 0

    async def follow() -> None:
        nonlocal seen
        changes = await theirs.changes_since(seen)
        if changes.whole:
            known.clear()
        for _, id in changes.deleted:
            known.pop(id, None)
        known.update({record.id: record.version for record in changes.records})
        seen = changes.revision

    async def edit() -> None:
        for n in range(120):
            name = f"u{n % 7}"
            there = await ours.get(Resource.USERS, name)
            await ours.write([Delete(Resource.USERS, name) if there and n % 3 == 0 else put(name)], TOLD)

    editing = asyncio.create_task(edit())
    while not editing.done():
        await follow()
    await follow()
    assert known == {record.id: record.version for record in await ours.read(Resource.USERS)}
