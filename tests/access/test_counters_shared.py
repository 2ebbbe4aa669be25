"""Counters that several processes share: races between them, crashes, and the time without the backend."""

import asyncio
import logging
import multiprocessing
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from gateway.access.counters.backend import LEASE, Backend
from gateway.access.counters.memory import MemoryCounters
from gateway.access.counters.opened import open_counters
from gateway.access.counters.redis import RedisBackend
from gateway.access.counters.shared import SharedCounters
from gateway.access.counters.shared_file import FileBackend
from gateway.access.limits import Amount, BudgetPeriod, CounterStore, Grant, Limits
from gateway.errors import ConfigError, GatewayError
from tests.access.test_counters import NOTHING, admitted, refused
from tests.fakes.redis_server import RedisServer

BUDGET = [Limits("key:a", budget_nanos=1000)]
SLOTS = [Limits("key:a", max_parallel=1)]
Connect = Callable[[], SharedCounters]


def backend(kind: str, place: str) -> Backend:
    """Patient, as the machine that runs the tests may be busy."""
    if kind == "redis":
        return RedisBackend(place, patience=20.0)
    return FileBackend(Path(place), patience=20.0)


Leases = Callable[[float], list[float]]
"""Makes that many seconds of every lease pass; then the ends of all of them, by the backend's clock."""


@pytest.fixture
def leases(place: tuple[str, str], request: pytest.FixtureRequest) -> Leases:
    kind, where = place

    def in_file(seconds: float) -> list[float]:
        with closing(sqlite3.connect(where, timeout=20)) as db, db:
            db.execute("UPDATE held SET lease = lease - ?", (seconds,))
            return [end for (end,) in db.execute("SELECT lease FROM held")]

    def in_redis(seconds: float) -> list[float]:
        server: RedisServer = request.getfixturevalue("redis_server")
        ids = server.ask("ZRANGE {gateway}:leases 0 -1").decode().split("\r\n")[2::2]
        aged = [server.ask(f"ZINCRBY {{gateway}}:leases {-seconds} {id}") for id in ids]
        return [float(answer.decode().split("\r\n")[1]) for answer in aged]

    return in_redis if kind == "redis" else in_file


@pytest.fixture(params=["file", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """The kind of backend, and where it is."""
    if request.param == "file":
        return "file", str(tmp_path / "counters.db")
    server: RedisServer = request.getfixturevalue("redis_server")
    return "redis", server.url


@pytest.fixture
async def connect(place: tuple[str, str]) -> AsyncIterator[Connect]:
    """Another process, as far as the backend can tell, each time it is called."""
    made: list[SharedCounters] = []

    def one() -> SharedCounters:
        made.append(SharedCounters(backend(*place)))
        return made[-1]

    yield one
    for counters in made:
        await counters.aclose()


async def until(true: Callable[[], object], seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.02)


async def gets_in(counters: CounterStore, limits: list[Limits], most: Amount, seconds: float = 40.0) -> Grant:
    end = time.monotonic() + seconds
    while True:
        try:
            return await counters.reserve(limits, most, time.time())
        except GatewayError:
            assert time.monotonic() < end, "there was never room"
            await asyncio.sleep(0.05)


# --- together --------------------------------------------------------------------------------------------


async def test_two_instances_count_together(connect: Connect) -> None:
    one, other = connect(), connect()
    grant = await one.reserve([*SLOTS, Limits("user:u", budget_nanos=10)], Amount(0, 10), time.time())
    await refused(other, SLOTS, NOTHING, time.time())
    await refused(other, [Limits("user:u", budget_nanos=10)], Amount(0, 1), time.time())
    await one.settle(grant, Amount(0, 4))
    await other.reserve([*SLOTS, Limits("user:u", budget_nanos=10)], Amount(0, 6), time.time())


async def test_two_instances_at_once_never_overshoot(connect: Connect) -> None:
    one, other, now = connect(), connect(), time.time()
    counts = await asyncio.gather(*(admitted(c, BUDGET, Amount(0, 100), now, 100) for c in (one, other)))
    assert sum(counts) == 10


async def test_instances_that_begin_a_file_together_do_not_count_alone(tmp_path: Path) -> None:
    for n in range(40):
        made = [SharedCounters(backend("file", str(tmp_path / f"{n}.db"))) for _ in range(3)]
        counts = await asyncio.gather(*(admitted(c, BUDGET, Amount(0, 100), time.time(), 10) for c in made))
        assert sum(counts) == 10 and not any(c.note for c in made)
        await asyncio.gather(*(c.aclose() for c in made))


def race(kind: str, place: str, start: float) -> int:
    """In a process of its own: 100 parallel requests; how many got in."""

    async def run() -> int:
        counters = SharedCounters(backend(kind, place))
        await asyncio.sleep(max(0.0, start - time.time()))
        count = await admitted(counters, BUDGET, Amount(0, 100), time.time(), 100)
        assert not counters.note
        await counters.aclose()
        return count

    return asyncio.run(run())


async def test_two_processes_at_once_never_overshoot(place: tuple[str, str]) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        jobs = [(*place, time.time() + 2.0)] * 2
        counts = await asyncio.get_running_loop().run_in_executor(None, pool.starmap, race, jobs)
    assert sum(counts) == 10


# --- crashes ---------------------------------------------------------------------------------------------


def hold(kind: str, place: str, ready: "multiprocessing.connection.Connection") -> None:
    """In a process of its own: takes the slot and all of the budget, and waits to be killed."""

    async def run() -> None:
        counters = SharedCounters(backend(kind, place))
        await counters.reserve(SLOTS, NOTHING, time.time())
        await counters.reserve([Limits("user:u", budget_nanos=1000)], Amount(0, 1000), time.time())
        ready.send(True)
        await asyncio.sleep(600)

    asyncio.run(run())


async def test_what_a_killed_process_had_reserved_is_free_again(
    place: tuple[str, str], connect: Connect, leases: Leases
) -> None:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=hold, args=(*place, sender), daemon=True)
    process.start()
    sender.close()
    assert await asyncio.get_running_loop().run_in_executor(None, receiver.recv)
    counters = connect()
    await refused(counters, [Limits("user:u", budget_nanos=1000)], Amount(0, 1), time.time())
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    await refused(counters, SLOTS, NOTHING, time.time())
    assert len(leases(LEASE)) == 2
    await counters.reserve(SLOTS, NOTHING, time.time())
    await counters.reserve([Limits("user:u", budget_nanos=1000)], Amount(0, 1000), time.time())


async def test_a_cost_beyond_all_numbers_is_counted_as_much_and_disturbs_nobody(connect: Connect) -> None:
    counters, limits = connect(), [Limits("key:a", tpm=10, budget_nanos=10)]
    grant = await counters.reserve(limits, Amount(1, 1), time.time())
    await counters.settle(grant, Amount(10**30, 10**300))
    assert counters.note == ""
    assert (await refused(counters, limits, Amount(0, 1), time.time())).http_status == 402


async def test_a_reservation_whose_caller_left_is_undone(connect: Connect) -> None:
    counters = connect()
    await counters.reserve([], NOTHING, time.time())
    for _ in range(20):
        task = asyncio.ensure_future(counters.reserve(SLOTS, NOTHING, time.time()))
        await asyncio.sleep(0.0005)
        task.cancel()
        (answer,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(answer, Grant):  # it was there before the caller left
            await counters.settle(answer, NOTHING)
    grant = await gets_in(counters, SLOTS, NOTHING)
    await counters.settle(grant, NOTHING)
    limits = [Limits("key:b", rpm=5)]
    for left in (4, 3, 2, 1, 0):
        answered = (await counters.reserve(limits, NOTHING, time.time())).requests
        assert answered is not None and (answered.limit, answered.remaining) == (5, left)


async def test_the_slot_of_a_caller_who_left_meanwhile_is_soon_free(place: tuple[str, str]) -> None:
    """Not only when its lease has run out, which takes a minute."""
    counters = SharedCounters(backend(*place))
    task = asyncio.ensure_future(counters.reserve([*SLOTS, *BUDGET], Amount(0, 1000), time.time()))
    for _ in range(5):
        await asyncio.sleep(0)  # it is on its way
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    grant = await gets_in(counters, [*SLOTS, *BUDGET], Amount(0, 1000), 20)
    await counters.settle(grant, Amount(0, 1000))
    assert counters.note == ""
    await counters.aclose()


async def test_long_requests_keep_their_slot(connect: Connect, leases: Leases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.access.counters.shared.LEASE", 1.0)  # renewed three times in that
    held, other = connect(), connect()
    grant = await held.reserve(SLOTS, NOTHING, time.time())
    (short,) = leases(LEASE / 2)
    await until(lambda: leases(0) > [short])
    leases(LEASE / 2)
    await refused(other, SLOTS, NOTHING, time.time())
    await held.settle(grant, NOTHING)
    await other.reserve(SLOTS, NOTHING, time.time())
    assert not held.note and not other.note


async def test_a_settlement_after_its_lease_still_counts_what_was_spent(connect: Connect, leases: Leases) -> None:
    held, other = connect(), connect()
    grant = await held.reserve(BUDGET, Amount(0, 1000), time.time())
    leases(LEASE)
    await other.reserve(BUDGET, Amount(0, 100), time.time())
    await held.settle(grant, Amount(0, 900))
    await refused(other, BUDGET, Amount(0, 1), time.time())


# --- without Redis ---------------------------------------------------------------------------------------


@pytest.fixture
async def counters(redis_server: RedisServer) -> AsyncIterator[SharedCounters]:
    made = SharedCounters(backend("redis", redis_server.url))
    yield made
    await made.aclose()


@pytest.fixture
async def hasty(redis_server: RedisServer) -> AsyncIterator[SharedCounters]:
    """As the product has it."""
    made = SharedCounters(RedisBackend(redis_server.url))
    yield made
    await made.aclose()


@contextmanager
def frozen(server: RedisServer) -> Iterator[None]:
    server.freeze()
    try:
        yield
    finally:
        server.thaw()


async def test_without_redis_each_process_goes_on_from_what_it_knew(
    counters: SharedCounters, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "gateway"):
        await counters.settle(await counters.reserve(BUDGET, Amount(0, 600), time.time()), Amount(0, 500))
        redis_server.stop()
        for _ in range(5):
            await refused(counters, BUDGET, Amount(0, 600), time.time())
        await counters.settle(await counters.reserve(BUDGET, Amount(0, 500), time.time()), Amount(0, 200))
        assert "Redis cannot be reached" in counters.note
        redis_server.start()
        await until(lambda: not counters.note)
    assert [one.levelname for one in caplog.records if one.name == "gateway"] == ["WARNING", "INFO"]
    await refused(counters, BUDGET, Amount(0, 301), time.time())
    other = SharedCounters(backend("redis", redis_server.url))
    await refused(other, BUDGET, Amount(0, 301), time.time())
    await other.reserve(BUDGET, Amount(0, 300), time.time())
    await other.aclose()


async def test_a_redis_that_forgot_everything_is_told_before_it_counts_again(
    counters: SharedCounters, redis_server: RedisServer
) -> None:
    await counters.settle(await counters.reserve(BUDGET, Amount(0, 900), time.time()), Amount(0, 900))
    running = await counters.reserve(BUDGET, Amount(0, 100), time.time())
    redis_server.ask("FLUSHALL")
    await refused(counters, BUDGET, Amount(0, 200), time.time())
    await until(lambda: not counters.note)
    await counters.settle(running, Amount(0, 50))
    await refused(counters, BUDGET, Amount(0, 51), time.time())
    await counters.reserve(BUDGET, Amount(0, 50), time.time())


async def test_a_frozen_redis_holds_no_request_up(hasty: SharedCounters, redis_server: RedisServer) -> None:
    grant = await hasty.reserve(BUDGET, Amount(0, 100), time.time())
    with frozen(redis_server):
        begun = time.monotonic()
        await hasty.settle(grant, Amount(0, 100))
        for _ in range(20):
            await hasty.reserve([Limits("key:b", rpm=100)], NOTHING, time.time())
        assert time.monotonic() - begun < 15
        assert hasty.note
    await until(lambda: not hasty.note)
    await refused(hasty, BUDGET, Amount(0, 901), time.time())
    await hasty.reserve(BUDGET, Amount(0, 900), time.time())


async def test_requests_that_began_without_redis_are_counted_when_it_is_back(
    counters: SharedCounters, redis_server: RedisServer
) -> None:
    redis_server.stop()
    grant = await counters.reserve(BUDGET, Amount(0, 800), time.time())
    redis_server.start()
    await until(lambda: not counters.note)
    await refused(counters, BUDGET, Amount(0, 201), time.time())
    await counters.settle(grant, Amount(0, 300))
    await gets_in(counters, BUDGET, Amount(0, 700))
    await refused(counters, BUDGET, Amount(0, 1), time.time())


async def test_a_seed_without_redis_reaches_it_later(counters: SharedCounters, redis_server: RedisServer) -> None:
    redis_server.stop()
    await counters.seed("key:a", "total", 1000)
    await refused(counters, BUDGET, Amount(0, 1), time.time())
    redis_server.start()
    await until(lambda: not counters.note)
    await refused(counters, BUDGET, Amount(0, 1), time.time())


async def test_a_seed_while_redis_is_away_reaches_it_later(hasty: SharedCounters, redis_server: RedisServer) -> None:
    await hasty.reserve([Limits("key:b", budget_nanos=10)], Amount(0, 1), time.time())
    with frozen(redis_server):
        await hasty.reserve([Limits("key:b", rpm=10)], NOTHING, time.time())
        await hasty.seed("key:a", "total", 1000)
    await until(lambda: not hasty.note)
    await refused(hasty, BUDGET, Amount(0, 1), time.time())


async def test_redis_decides_by_its_own_clock(counters: SharedCounters) -> None:
    limits = [Limits("key:a", rpm=1, budget_nanos=10, budget_period=BudgetPeriod.TOTAL)]
    await counters.reserve(limits, Amount(0, 10), time.time())
    await refused(counters, limits, Amount(0, 1), time.time() + 3600)
    await refused(counters, limits, Amount(0, 1), time.time() - 3600)


async def test_nothing_of_redis_stays_for_ever_but_totals(counters: SharedCounters, redis_server: RedisServer) -> None:
    limits = [Limits("key:a", rpm=9, tpm=9, max_parallel=9, budget_nanos=9, budget_period=BudgetPeriod.DAY)]
    await counters.settle(await counters.reserve(limits, Amount(1, 1), time.time()), Amount(1, 1))
    keys = redis_server.ask("KEYS *").decode().split("\r\n")[2::2]
    for_ever = [key for key in keys if redis_server.ask(f"TTL {key}") == b":-1\r\n"]
    assert for_ever == ["{gateway}:epoch"] and len(keys) >= 5


# --- the file --------------------------------------------------------------------------------------------


async def test_a_damaged_file_is_begun_anew_and_told_what_was_spent(tmp_path: Path) -> None:
    path = tmp_path / "counters.db"
    counters = SharedCounters(backend("file", str(path)))
    await counters.settle(await counters.reserve(BUDGET, Amount(0, 900), time.time()), Amount(0, 900))
    path.write_bytes(b"nonsense" * 4096)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    await refused(counters, BUDGET, Amount(0, 200), time.time())
    await until(lambda: not counters.note)
    await refused(counters, BUDGET, Amount(0, 101), time.time())
    await counters.reserve(BUDGET, Amount(0, 100), time.time())
    await counters.aclose()


async def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    counters = SharedCounters(backend("file", str(tmp_path / "state" / "counters.db")))
    await counters.reserve(BUDGET, NOTHING, time.time())
    assert (tmp_path / "state" / "counters.db").stat().st_mode & 0o777 == 0o600
    await counters.aclose()


# --- which one -------------------------------------------------------------------------------------------


async def test_the_configuration_decides_which_counters_there_are(tmp_path: Path) -> None:
    assert isinstance(open_counters(None, 1, tmp_path), MemoryCounters)
    for counters in (open_counters(None, 2, tmp_path), open_counters("redis://127.0.0.1:1/0", 1, tmp_path)):
        assert isinstance(counters, SharedCounters)
        await counters.aclose()
    with pytest.raises(ConfigError, match="REDIS_URL"):
        open_counters("http://127.0.0.1:1", 1, tmp_path)


async def test_idle_scopes_leave_the_memory() -> None:
    counters = MemoryCounters()
    for n in range(1000):
        await counters.reserve([Limits(f"key:{n}", rpm=5)], NOTHING, 1000.0)
    assert counters.size == 1000
    await counters.reserve([Limits("key:x", rpm=5)], NOTHING, 1130.0)
    await counters.reserve([Limits("key:x", rpm=5)], NOTHING, 1200.0)
    assert counters.size == 1


async def test_the_file_keeps_sums_through_a_clock_that_was_days_ahead(tmp_path: Path) -> None:
    """Each process forgets old sums with its first request."""
    limits = [Limits("key:a", budget_nanos=100, budget_period=BudgetPeriod.DAY)]
    today = time.time() // 86_400 * 86_400 + 43_200
    for days in (0, 9, 400):
        counters = SharedCounters(backend("file", str(tmp_path / "counters.db")))
        await counters.reserve(limits, Amount(0, 100), today + days * 86_400)
        await refused(counters, limits, Amount(0, 1), today + 5)
        await counters.aclose()
