"""Batches at work on both databases: answered in order, gone on with after a stop or a crash, ended in every way.

What answers here stands for the gateway itself: a batch only knows that it can ask.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from gateway.batches import files, runner, work
from gateway.batches.files import FileDesk
from gateway.batches.lines import Answer
from gateway.batches.runner import BatchRunner
from gateway.batches.work import Ask, BatchLimits, Lost, Work
from gateway.errors import InvalidRequest, NotFound, TooLarge
from gateway.store.batch_rows import BatchFilter, BatchRow, BatchStatus
from gateway.store.file_rows import FileFilter, FileRow
from gateway.store.store import Store
from tests.fakes.postgres import Postgres
from tests.store.conftest import Home

CHAT = "/v1/chat/completions"
LIMITS = BatchLimits(
    parallel=4, max_open=2, max_requests=1000, max_file=2**20, max_kept=2**20, retention=86_400
)  # fmt: skip
MB = 2**20
DAY = 86_400.0
MADE = time.time() - 1000
"""Batches are made a second apart from here on, in the order of their numbers, whenever that is."""


class Asked:
    """Answers after `seconds`; `script` has statuses to begin with for some ids."""

    def __init__(self, seconds: float = 0.0, **script: list[int]) -> None:
        self.seconds, self.script = seconds, script
        self.counts: Counter[str] = Counter()
        self.most = self.now = 0

    async def __call__(self, path: str, key_id: str, body: bytes) -> Answer:
        assert (path, key_id) == (CHAT, "k")
        id = json.loads(body)["id"]
        self.counts[id] += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.now -= 1
        status = self.script[id].pop(0) if self.script.get(id) else 200
        return Answer(status, f"req-{id}", b'{\n "id": "%s"}' % id.encode(), 0.05 if status == 429 else None)


async def at_once() -> None:
    """There is nothing to record."""


async def batch(store: Store, count: int, *, number: int = 1, due: float = DAY, owner: str = "k") -> BatchRow:
    now = time.time()
    file = FileRow(f"file-{number}", owner, "asks.jsonl", "batch", now, now + DAY)
    await store.files.add(file)
    lines = [
        {"custom_id": f"a{n}", "method": "POST", "url": CHAT, "body": {"model": "m", "id": f"a{n}"}}
        for n in range(count)
    ]
    await store.files.append(file.id, [(n, json.dumps(one).encode() + b"\n") for n, one in enumerate(lines, 1)])
    await store.files.finish(file.id, now + DAY)
    row = BatchRow(f"batch_{number}", owner, CHAT, "24h", file.id, MADE + number, now + due)
    assert await store.batches.add(row, LIMITS.max_open)
    return row


async def claimed(store: Store, ask: Ask, worker: str = "w", lease: float = 60) -> Work:
    row = await store.batches.claim(worker, lease)
    assert row
    return Work(row, worker, store.batches, store.files, ask, LIMITS, at_once)


async def told(store: Store, id: str) -> list[Any]:
    return [json.loads(body) for _, body in await store.files.read_lines(id, 0, 10_000)]


async def found(store: Store, id: str = "batch_1") -> BatchRow:
    row = await store.batches.find(id)
    assert row
    return row


async def until(true: Callable[[], Awaitable[object] | object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while True:
        said = true()
        if await said if isinstance(said, Awaitable) else said:
            return
        assert time.monotonic() < end, "it never came to be"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def minded(store: Store, ask: Ask) -> AsyncIterator[BatchRunner]:
    runner = BatchRunner(store.batches, store.files, LIMITS)
    runner.start(ask, at_once)
    yield runner
    await runner.drain(0)


async def test_all_are_asked_some_at_a_time_and_answered_in_their_order(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_LONGEST_PAUSE", 0.02)
    await batch(store, 250)
    ask = Asked(0.001, a7=[400], a9=[429, 429, 200], a11=[503, 200])
    await (await claimed(store, ask)).run()
    row = await found(store)
    assert row.status is BatchStatus.COMPLETED and (row.total, row.completed, row.failed) == (250, 249, 1)
    answers, errors = await told(store, row.output_id), await told(store, row.error_id)
    assert [one["custom_id"] for one in answers] == [f"a{n}" for n in range(250) if n != 7]
    assert [one["response"]["status_code"] for one in errors] == [400] and errors[0]["custom_id"] == "a7"
    assert ask.most == LIMITS.parallel and ask.counts["a9"] == 3 and ask.counts["a11"] == 2
    file = await store.files.find(row.output_id)
    assert file and file.size == sum(len(body) for _, body in await store.files.read_lines(row.output_id, 0, 999))


async def test_one_that_is_stopped_is_gone_on_with_by_another(store: Store) -> None:
    await batch(store, 40)
    ask = Asked(0.02)
    first = await claimed(store, ask, "one")
    running = asyncio.create_task(first.run())
    await until(lambda: len(ask.counts) > 10)
    first.stop()
    await running
    assert (await found(store)).status is BatchStatus.IN_PROGRESS and len(ask.counts) < 40
    await (await claimed(store, ask, "two")).run()
    assert (await found(store)).status is BatchStatus.COMPLETED
    assert set(ask.counts.values()) == {1}, "what was answered is not asked again"
    assert len(await told(store, (await found(store)).output_id)) == 40


async def test_who_was_away_for_too_long_has_lost_it_and_writes_nothing(store: Store) -> None:
    await batch(store, 6)
    slow, over = Asked(), asyncio.Event()

    async def ask(path: str, key_id: str, body: bytes) -> Answer:
        answer = await slow(path, key_id, body)
        await over.wait()
        return answer

    lost = asyncio.create_task((await claimed(store, ask, "one", lease=0.2)).run())
    await until(lambda: len(slow.counts) == LIMITS.parallel)
    await until(lambda: store.batches.claim("two", 60))
    row = await found(store)
    await Work(row, "two", store.batches, store.files, Asked(), LIMITS, at_once).run()
    over.set()
    with pytest.raises(Lost):
        await lost
    row = await found(store)
    assert row.status is BatchStatus.COMPLETED and (row.total, row.completed) == (6, 6)
    assert [one["custom_id"] for one in await told(store, row.output_id)] == [f"a{n}" for n in range(6)]


async def test_what_is_not_answered_when_its_time_is_over_is_left_out(store: Store) -> None:
    await batch(store, 8, due=0.4)
    ask = Asked(0.15, a0=[429] * 99)
    await (await claimed(store, ask)).run()
    row = await found(store)
    answers, errors = await told(store, row.output_id), await told(store, row.error_id)
    assert row.status is BatchStatus.EXPIRED and row.completed == len(answers) and row.failed == len(errors)
    assert len(answers) + len(errors) == 8 and "a0" in [one["custom_id"] for one in errors]
    assert {one["error"]["code"] for one in errors} == {"batch_expired"}


async def test_cancelling_lets_go_of_what_is_under_way_and_keeps_what_was_answered(store: Store) -> None:
    await batch(store, 30)
    under_way = 0

    async def ask(path: str, key_id: str, body: bytes) -> Answer:
        nonlocal under_way
        if int(json.loads(body)["id"].removeprefix("a")) > 8:
            under_way += 1
            try:
                await asyncio.sleep(DAY)
            finally:
                under_way -= 1
        return Answer(200, "req", b"{}")

    async with minded(store, ask) as runner:
        await until(lambda: under_way == LIMITS.parallel)
        await store.batches.cancel("batch_1")
        runner.wake()
        await until(lambda: _is(store, BatchStatus.CANCELLED))
    assert not under_way
    row = await found(store)
    answers, errors = await told(store, row.output_id), await told(store, row.error_id)
    assert len(answers) == row.completed == 9 and len(errors) == 21
    assert {one["error"]["code"] for one in errors} == {"batch_cancelled"}


async def test_one_that_nobody_works_on_can_be_cancelled(store: Store) -> None:
    await batch(store, 3)
    await store.batches.cancel("batch_1")
    ask = Asked()
    await (await claimed(store, ask)).run()
    row = await found(store)
    assert row.status is BatchStatus.CANCELLED and not ask.counts and (row.output_id, row.error_id) == ("", "")


async def test_a_wrong_file_fails_before_anything_is_asked(store: Store) -> None:
    await batch(store, 3)
    await store.files.append("file-1", [(4, b"{\n"), (5, b"not json\n")])
    ask = Asked()
    await (await claimed(store, ask)).run()
    row = await found(store)
    assert row.status is BatchStatus.FAILED and not ask.counts and [one["line"] for one in row.errors] == [4, 5]


async def test_what_all_targets_fail_at_is_given_up_after_some_tries(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_LONGEST_PAUSE", 0.02)
    await batch(store, 1)
    ask = Asked(a0=[502] * 99)
    await (await claimed(store, ask)).run()
    row = await found(store)
    assert (row.status, row.failed, row.output_id) == (BatchStatus.COMPLETED, 1, "") and ask.counts["a0"] == 5


async def test_an_owner_has_so_many_at_a_time_and_others_their_own(store: Store) -> None:
    first = await batch(store, 1)
    await batch(store, 1, number=2)
    for number, owner, fits in ((3, "k", False), (4, "other", True)):
        row = BatchRow(f"batch_{number}", owner, CHAT, "24h", first.input_id, time.time(), time.time() + DAY)
        assert await store.batches.add(row, LIMITS.max_open) is fits
    assert [row.id for row in await store.batches.listed(BatchFilter(("k",)), 9, None)] == ["batch_2", "batch_1"]
    assert await store.batches.forget_unread("file-1") == "batch_1" and await store.files.find("file-1")
    assert await store.batches.forget_unread("file-9") is None


async def test_files_past_their_time_go_with_all_their_lines(store: Store) -> None:
    now = time.time()
    for id, end in (("old", now - 1), ("new", now + DAY), ("gone", now + DAY)):
        await store.files.add(FileRow(id, "k", "x", "batch", now, now + DAY))
        await store.files.append(id, [(n, b"x\n") for n in range(1, 1202)])
        assert await store.files.finish(id, end) == 2402
    await store.files.forget("gone")
    assert await store.files.find("old") is None
    assert (await store.files.page(FileFilter(("k",)), 9, 0))[1:] == (1, 2402)
    await store.files.sweep()
    assert [len(await store.files.read_lines(id, 0, 9999)) for id in ("old", "new", "gone")] == [0, 1201, 0]
    assert [row.id for row in await store.files.listed(FileFilter(("k",)), 9, None, True)] == ["new"]


async def test_the_oldest_is_begun_first_and_each_by_one_worker(home: Home) -> None:
    stores = [await home.open(), await home.open()]
    for number in (2, 1):
        await batch(stores[0], 1, number=number)
    rows = await asyncio.gather(*(stores[n % 2].batches.claim(f"w{n}", 60) for n in range(6)))
    taken = [row.id for row in rows if row]
    assert sorted(taken) in (["batch_1"], ["batch_1", "batch_2"])
    rest = [row.id for _ in range(2) if (row := await stores[0].batches.claim("last", 60))]
    assert sorted(taken + rest) == ["batch_1", "batch_2"]


async def test_one_that_failed_here_is_gone_on_with_while_others_run(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_POLL", 0.05)
    await batch(store, 1)
    await batch(store, 1, number=2, owner="slow")
    asked, over = Counter[str](), asyncio.Event()

    async def ask(path: str, key_id: str, body: bytes) -> Answer:
        asked[key_id] += 1
        if key_id == "slow":
            await over.wait()
        elif asked[key_id] == 1:
            raise ValueError("a fault of ours")
        return Answer(200, "req", b"{}")

    async with minded(store, ask) as minding:
        await until(lambda: asked == {"slow": 1, "k": 1} and "batch_1" not in minding._works)
        await store.batches.renew(minding._worker, ["batch_1"], -1)
        await until(lambda: _is(store, BatchStatus.COMPLETED))
        assert asked == {"slow": 1, "k": 2}
        over.set()


async def test_one_that_waits_for_room_keeps_nobody_else_waiting(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("_MOST", 2), ("_TURN", 0.2), ("_POLL", 0.05), ("_IDLE", 0.05)):
        monkeypatch.setattr(runner, name, value)
    for number in (1, 2):
        await batch(store, 1, number=number, owner=f"full{number}")
    asked = Counter[str]()

    async def ask(path: str, key_id: str, body: bytes) -> Answer:
        asked[key_id] += 1
        is_full = key_id.startswith("full")
        return Answer(429, "req", b"{}", 60) if is_full else Answer(200, "req", b"{}")

    async with minded(store, ask):
        await until(lambda: asked["full1"] and asked["full2"])
        for number in (3, 4, 5):
            await batch(store, 1, number=number, owner=f"k{number}")
        for number in (3, 4, 5):
            await until(partial(_is, store, BatchStatus.COMPLETED, f"batch_{number}"))
        await until(lambda: asked["full1"] + asked["full2"] > 2)  # who made room is back
    assert (await found(store, "batch_1")).is_open and (await found(store, "batch_2")).is_open


async def test_news_at_the_very_end_keep_no_gateway_from_ending(store: Store) -> None:
    for _ in range(10):
        async with minded(store, Asked()) as minding:
            await asyncio.sleep(0.05)
            minding.wake()
            done, _ = await asyncio.wait({asyncio.create_task(minding.drain(0))}, timeout=10)
            assert done, "it never ends"


async def test_a_machine_whose_clock_is_wrong_takes_nothing_from_others(
    server_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, clock = await server_home.open(), time.time
    await batch(store, 1)
    assert await store.batches.claim("w", 60)
    for ahead in (3600, -3600):
        with monkeypatch.context() as wrong:
            wrong.setattr(time, "time", lambda ahead=ahead: clock() + ahead)
            assert await store.batches.claim("other", 60) is None
            await store.batches.renew("w", ["batch_1"], 60)
        assert await store.batches.claim("other", 60) is None
    await store.batches.release("batch_1", "w", last=True)
    assert await store.batches.claim("other", 60)


async def test_batches_of_one_owner_are_ended_one_after_another(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nobody to make room for."""
    for name, value in (("_MOST", 1), ("_TURN", 0.0), ("_POLL", 0.02)):
        monkeypatch.setattr(runner, name, value)
    for number in (1, 2):
        await batch(store, 30, number=number)
    async with minded(store, Asked(0.02)):
        await until(lambda: _is(store, BatchStatus.COMPLETED, "batch_2"))
    first, second = await found(store), await found(store, "batch_2")
    assert first.ended_at and second.begun_at and first.ended_at <= second.begun_at


async def test_what_a_batch_reads_stays_when_its_time_is_over(store: Store) -> None:
    row = await batch(store, 30)
    await store.files.finish(row.input_id, time.time() - 1)
    await store.files.sweep()
    await (await claimed(store, Asked())).run()
    row = await found(store)
    assert (row.status, row.total, row.completed) == (BatchStatus.COMPLETED, 30, 30)
    await store.files.sweep()
    assert not await store.files.read_lines(row.input_id, 0, 99)


async def test_no_batch_begins_with_a_file_that_was_just_removed(home: Home) -> None:
    one, other = await home.open(), await home.open()
    for number in range(1, 21):
        now, id = time.time(), f"file-{number}"
        await one.files.add(FileRow(id, "k", "x", "batch", now, now + DAY))
        await one.files.finish(id, now + DAY)
        row = BatchRow(f"batch_{number}", "k", CHAT, "24h", id, now, now + DAY)
        begun, reader = await asyncio.gather(
            one.batches.add(row, 99), other.batches.forget_unread(id), return_exceptions=True
        )
        assert (begun is True and reader == row.id) or (isinstance(begun, NotFound) and reader is None)
    await one.files.forget("file-1")
    with pytest.raises(NotFound):
        await one.batches.add(BatchRow("batch_99", "k", CHAT, "24h", "file-1", time.time(), time.time() + DAY), 99)


async def test_answers_that_come_again_as_nobody_heard_that_they_were_kept_count_once(store: Store) -> None:
    await batch(store, 4)
    work = await claimed(store, Asked(0.0, a2=[400]))
    await work._validate()
    right, wrong = [(1, b"one\n"), (2, b"two\n")], [(3, b"three\n")]
    for _ in range(2):
        assert await store.batches.keep(work.row, "w", right, wrong)
    assert await store.batches.keep(work.row, "w", [(2, b"again\n"), (4, b"four\n")], [(1, b"wrong\n")])
    row = await found(store)
    assert (row.completed, row.failed) == (3, 1)
    assert [body for _, body in await store.files.read_lines(row.output_id, 0, 9)] == [b"one\n", b"two\n", b"four\n"]
    assert [body for _, body in await store.files.read_lines(row.error_id, 0, 9)] == [b"three\n"]


async def test_no_answer_is_kept_before_what_it_cost(store: Store) -> None:
    """Else a crash between the two gives answers away."""
    await batch(store, 5)
    ask, answered_then, kept_then = Asked(), 0, []

    async def recorded() -> None:
        nonlocal answered_then
        answered_then = sum(ask.counts.values())
        kept_then.append((await found(store)).completed)

    row = await store.batches.claim("w", 60)
    assert row
    await Work(row, "w", store.batches, store.files, ask, LIMITS, recorded).run()
    assert kept_then[0] == 0 and answered_then == (await found(store)).completed == 5


async def test_a_budget_that_only_neighbours_fill_refuses_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they may cost at most is reserved while they run."""
    monkeypatch.setattr(work, "_LONGEST_PAUSE", 0.02)
    await batch(store, 20)
    ask = Asked(0.01)

    async def one_at_a_time(path: str, key_id: str, body: bytes) -> Answer:
        return Answer(402, "req", b"{}", DAY) if ask.now else await ask(path, key_id, body)

    await (await claimed(store, one_at_a_time)).run()
    row = await found(store)
    assert (row.completed, row.failed) == (20, 0) and set(ask.counts.values()) == {1}


async def test_a_budget_that_is_used_up_refuses_all_that_is_left(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_LONGEST_PAUSE", 0.02)
    await batch(store, 20)
    ask = Asked(0.01, **{f"a{n}": [402] * 99 for n in range(20)})
    await (await claimed(store, ask)).run()
    assert (await found(store)).failed == 20


async def test_long_lines_are_read_a_few_at_a_time(store: Store) -> None:
    now, line = time.time(), bytes(MB)
    await store.files.add(FileRow("long", "k", "x", "batch", now, now + DAY))
    bodies = [*[line] * 9, line * 9, b"short"]
    for number, body in enumerate(bodies, 1):
        await store.files.append("long", [(number, body)])
    read, portions = 0, []
    while lines := await store.files.read_lines("long", read, 50):
        portions.append([len(body) for _, body in lines])
        read = lines[-1][0]
    assert portions == [[MB] * 8, [MB], [9 * MB], [5]]


def desk(store: Store, **limits: int) -> FileDesk:
    return FileDesk(store.files, store.batches, replace(LIMITS, **limits))


async def test_uploads_at_the_same_time_share_the_room_of_their_key(home: Home) -> None:
    stores = [await home.open(), await home.open()]
    content = b"x" * 1000
    sent = [
        desk(stores[n % 2], max_kept=2500).upload(owner, "x", BytesIO(content), len(content), None)
        for n, owner in enumerate(["k", "k", "k", "k", "k", "other"])
    ]
    done = await asyncio.gather(*sent, return_exceptions=True)
    assert [isinstance(one, FileRow) for one in done].count(True) == 3 and isinstance(done[-1], FileRow)
    assert {type(one) for one in done if not isinstance(one, FileRow)} == {TooLarge}
    assert (await stores[0].files.page(FileFilter(("k",)), 9, 0))[1:] == (2, 2000)


async def test_an_upload_that_ends_in_the_midst_takes_no_room(store: Store) -> None:
    class Torn(BytesIO):
        def readline(self, size: int | None = -1) -> bytes:
            raise OSError("the disk is full")

    for _ in range(3):
        with pytest.raises(OSError, match="disk"):
            await desk(store, max_kept=100).upload("k", "x", Torn(), 90, None)
    assert await desk(store, max_kept=100).upload("k", "x", BytesIO(bytes(90)), 90, None)


async def test_a_key_has_so_many_files_and_each_so_many_lines(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MOST_FILES", 2)
    for content in (b"\n" * 1000, (b"x" * 31 + b"\n") * 2000):
        assert await desk(store).upload("k", "x", BytesIO(content), len(content), None)
    with pytest.raises(TooLarge, match="be more than 2"):
        await desk(store).upload("k", "x", BytesIO(), 0, None)
    for content in (b"\n" * 1001, (b"x" * 30 + b"\n") * 2000):
        with pytest.raises(InvalidRequest, match="too short for a request") as refused:
            await desk(store).upload("other", "x", BytesIO(content), len(content), None)
        assert (refused.value.param, refused.value.error_code) == ("file", "too_many_lines")
    assert (await store.files.page(FileFilter(("other",)), 9, 0))[1] == 0


@pytest.mark.slow
async def test_a_database_that_is_away_for_a_moment_costs_no_answer(own_server: Postgres, tmp_path: Path) -> None:
    lost = Home(tmp_path, own_server.database(), own_server)
    store = await lost.open()
    await batch(store, 250)
    ask = Asked(0.005)
    running = asyncio.create_task((await claimed(store, ask)).run())
    await until(lambda: len(ask.counts) > 50)
    await asyncio.to_thread(own_server.stop)
    await until(lambda: not ask.now, 60)
    await asyncio.to_thread(own_server.start)
    await asyncio.wait_for(running, 90)
    row = await found(store)
    assert (row.status, row.completed) == (BatchStatus.COMPLETED, 250) and set(ask.counts.values()) == {1}
    await lost.close()


async def _is(store: Store, status: BatchStatus, id: str = "batch_1") -> bool:
    return (await found(store, id)).status is status
