"""The recorder before stores that work, refuse, hang and choke: nothing is lost in silence, nothing booked twice."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from gateway.errors import StorageFailed, StorageUnavailable
from gateway.store.store import Store
from gateway.store.usage_reports import UsageReports
from gateway.usage.recorder import BATCH, Recorder
from gateway.usage.report import UsageFilter
from gateway.usage.types import Price, Spend, UsageRow
from tests.usage.conftest import NOON, row


class Books:
    """A store in memory that keeps its promises, or breaks them as told: `raises` before each batch, `stall` for good.
    Rows of `poison` cannot be stored."""

    def __init__(self) -> None:
        self.rows: dict[str, UsageRow] = {}
        self.spend: Counter[tuple[str, str]] = Counter()
        self.batches: list[int] = []
        self.raises: Exception | None = None
        self.poison: set[str] = set()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.asked = 0

    async def append(self, rows: Sequence[UsageRow], spends: Sequence[Spend]) -> None:
        self.asked += 1
        await self.may_go_on.wait()
        if self.raises is not None:
            raise self.raises
        if self.poison & {one.request_id for one in rows}:
            raise ValueError("cannot be stored")
        self.batches.append(len(rows))
        self.rows |= {one.request_id: one for one in rows}
        for one in spends:
            self.spend[one.scope, one.period] += one.nanos

    async def spent(self, periods: Sequence[str]) -> Mapping[tuple[str, str], int]:
        return self.spend

    async def add_prices(self, prices: Sequence[Price]) -> None: ...

    async def prices(self) -> Sequence[Price]:
        return []


@pytest.fixture
def books() -> Books:
    return Books()


@pytest.fixture
async def recorder(books: Books) -> AsyncIterator[Recorder]:
    made = Recorder(books, capacity=1_000, interval=0.01)
    made.start()
    yield made
    books.raises = None
    books.may_go_on.set()
    await made.aclose()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_rows_and_what_they_cost_reach_the_store(books: Books, recorder: Recorder) -> None:
    recorder.record(row("a", cost_nanos=5))
    recorder.record(row("b", cost_nanos=7, user_id=""))
    recorder.record(row("c", key_id="k2"))
    await until(lambda: len(books.rows) == 3)
    periods = ("day:2026-11-21", "week:2026-W47", "month:2026-11", "total")
    amounts = {"global": 12, "key:k1": 12, "user:u1": 5}
    assert books.spend == {(scope, period): n for scope, n in amounts.items() for period in periods}
    assert (recorder.counts.written, recorder.waiting) == (3, 0)


async def test_each_cost_is_booked_in_the_periods_of_its_own_day(books: Books, recorder: Recorder) -> None:
    for n, at in enumerate((NOON, NOON + 86_400, NOON + 30 * 86_400)):
        recorder.record(row(f"r{n}", at, cost_nanos=1, key_id="", user_id=""))
    await until(lambda: len(books.rows) == 3)
    days = ("day:2026-11-21", "day:2026-11-22", "day:2026-12-21")
    assert [books.spend["global", day] for day in days] == [1, 1, 1]
    assert books.spend["global", "month:2026-11"] == 2
    assert books.spend["global", "total"] == 3


async def test_many_rows_go_in_batches(books: Books) -> None:
    recorder = Recorder(books, capacity=10_000, interval=60)
    recorder.start()
    for n in range(3 * BATCH + 1):
        recorder.record(row(f"r{n}"))
    await until(lambda: recorder.counts.written >= 3 * BATCH)
    await recorder.aclose()
    assert max(books.batches) == BATCH
    assert len(books.rows) == 3 * BATCH + 1


async def test_rows_that_come_while_others_are_written_are_gathered_for_a_batch_of_their_own(books: Books) -> None:
    """Or a busy gateway would write all the time, a few rows at a time."""
    recorder = Recorder(books, interval=60)
    recorder.start()
    books.may_go_on.clear()
    for n in range(BATCH):
        recorder.record(row(f"r{n}"))
        await asyncio.sleep(0)
    await until(lambda: books.asked == 1)
    for n in range(BATCH - 1):
        recorder.record(row(f"s{n}"))
        await asyncio.sleep(0)
    books.may_go_on.set()
    await until(lambda: recorder.counts.written >= BATCH)
    await asyncio.sleep(0.05)
    assert (books.batches, recorder.waiting) == ([BATCH], BATCH - 1)
    recorder.record(row("t"))
    await recorder.aclose()
    assert (books.batches, len(books.rows)) == ([BATCH, BATCH], 2 * BATCH)


async def test_who_is_about_to_read_waits_for_what_is_recorded_by_then(books: Books) -> None:
    recorder = Recorder(books, interval=60)
    recorder.start()
    for _ in range(3):
        await recorder.settle(20)
        recorder.record(row("a"))
        await asyncio.sleep(0)
        recorder.record(row("b"))
        await recorder.settle(20)
        assert set(books.rows) == {"a", "b"} and not recorder.waiting
        books.rows.clear()
    books.may_go_on.clear()
    recorder.record(row("c"))
    first = asyncio.create_task(recorder.settle(20))
    await until(lambda: books.asked == 4)
    recorder.record(row("d"))
    second = asyncio.create_task(recorder.settle(20))
    await asyncio.sleep(0)
    books.may_go_on.set()
    await asyncio.gather(first, second)
    assert set(books.rows) == {"c", "d"}
    await recorder.aclose()


async def test_a_reader_does_not_wait_long_for_a_store_that_hangs(books: Books, recorder: Recorder) -> None:
    books.may_go_on.clear()
    recorder.record(row("a"))
    async with asyncio.timeout(20):
        await recorder.settle(0.05)
    assert recorder.waiting == 1


async def test_closing_writes_what_waits(books: Books) -> None:
    recorder = Recorder(books, interval=60)
    recorder.start()
    for n in range(1_234):
        recorder.record(row(f"r{n}", cost_nanos=1))
    await recorder.aclose()
    assert (len(books.rows), books.spend["global", "total"]) == (1_234, 1_234)
    assert (recorder.waiting, recorder.counts.dropped) == (0, 0)


async def test_closing_writes_rows_also_of_a_recorder_that_never_started(books: Books) -> None:
    recorder = Recorder(books)
    recorder.record(row("a"))
    await recorder.aclose()
    assert list(books.rows) == ["a"]


@pytest.mark.parametrize("error", [StorageUnavailable("gone"), StorageFailed("full")], ids=["unavailable", "full"])
async def test_a_store_that_comes_back_gets_everything_once(
    books: Books, recorder: Recorder, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    books.raises = error
    for n in range(100):
        recorder.record(row(f"r{n}", cost_nanos=1))
    await until(lambda: recorder.counts.failures >= 3)
    assert recorder.waiting == 100
    books.raises = None
    await until(lambda: recorder.waiting == 0)
    assert (len(books.rows), books.spend["global", "total"]) == (100, 100)
    assert recorder.counts.dropped == 0
    complaints = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert len(complaints) == 1 and "cannot be written" in complaints[0].message


async def test_past_the_capacity_the_oldest_go_counted_and_their_cost_is_still_booked(
    books: Books, recorder: Recorder
) -> None:
    books.raises = StorageUnavailable("gone")
    for n in range(3_000):
        recorder.record(row(f"r{n:04}", cost_nanos=1))
    await until(lambda: recorder.counts.failures >= 1)
    assert recorder.waiting <= 1_000
    books.raises = None
    await until(lambda: recorder.waiting == 0)
    assert recorder.counts.dropped == 2_000
    assert sorted(books.rows) == [f"r{n:04}" for n in range(2_000, 3_000)]
    assert books.spend["global", "total"] == 3_000


async def test_a_row_that_cannot_be_stored_costs_only_itself(books: Books, recorder: Recorder) -> None:
    books.poison = {"r137", "r411"}
    for n in range(450):
        recorder.record(row(f"r{n}", cost_nanos=1))
    await until(lambda: recorder.waiting == 0 and books.spend["global", "total"] == 450)
    assert books.rows.keys() == {f"r{n}" for n in range(450)} - books.poison
    assert recorder.counts.dropped == 2


async def test_closing_ends_in_time_before_a_store_that_hangs(books: Books, caplog: pytest.LogCaptureFixture) -> None:
    books.may_go_on.clear()
    recorder = Recorder(books, interval=0.01)
    recorder.start()
    recorder.record(row("a"))
    await until(lambda: books.asked == 1)
    recorder.record(row("b"))
    await recorder.aclose(deadline=0.05)
    assert recorder.counts.dropped == 2
    assert "2 usage rows could not be written" in caplog.text


async def test_bodies_that_find_no_room_are_left_out_of_their_rows(books: Books) -> None:
    recorder = Recorder(books, body_bytes=10)
    recorder.record(row("a", request_body=b"12345", response_body=b"12345"))
    recorder.record(row("b", request_body=b"1"))
    await recorder.aclose()
    assert (books.rows["a"].request_body, books.rows["b"].request_body) == (b"12345", None)
    assert recorder.counts.bodies_dropped == 1


async def test_room_for_bodies_comes_back(books: Books, recorder: Recorder) -> None:
    tight = Recorder(books, body_bytes=10, interval=0.01)
    tight.start()
    for n in range(3):
        tight.record(row(f"r{n}", request_body=b"123456789"))
        await until(lambda: tight.waiting == 0)
    await tight.aclose()
    assert all(one.request_body for one in books.rows.values())


async def test_listeners_hear_every_row_once_also_while_the_store_is_down(books: Books, recorder: Recorder) -> None:
    heard: list[str] = []

    def broken(_: Sequence[UsageRow]) -> None:
        raise RuntimeError("a listener's own fault")

    recorder.on_rows(broken)
    recorder.on_rows(lambda rows: heard.extend(one.request_id for one in rows))
    books.raises = StorageUnavailable("gone")
    for n in range(10):
        recorder.record(row(f"r{n}"))
    await until(lambda: len(heard) == 10)
    books.raises = None
    await until(lambda: recorder.waiting == 0)
    assert heard == [f"r{n}" for n in range(10)]


async def test_names_that_callers_choose_are_cut_and_cleaned(books: Books, recorder: Recorder) -> None:
    recorder.record(row("a", model="m" * 10_000, error_code="a\0b"))
    recorder.record(row("b", model="\ud800 café"))
    await until(lambda: len(books.rows) == 2)
    assert books.rows["a"].model == "m" * 256
    assert books.rows["a"].error_code == "a\ufffdb"
    assert books.rows["b"].model == "? café"


async def test_nothing_is_lost_on_the_way_to_a_real_database(store: Store, tmp_path: Path) -> None:
    recorder = Recorder(store, interval=0.01)
    recorder.start()
    for n in range(1_700):
        recorder.record(row(f"r{n}", cost_nanos=3, model="\0odd\ud800"))
    await recorder.aclose()
    totals = await UsageReports(store).totals(UsageFilter(NOON - 1, NOON + 1))
    assert (totals.requests, totals.cost_nanos) == (1_700, 5_100)
    assert (await store.spent(["total"]))["global", "total"] == 5_100
