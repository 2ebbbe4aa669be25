"""Batches at work on both databases: answered in order, gone on with after a stop or a crash, ended in every way.

What answers here stands for the gateway itself: a batch only knows that it can ask.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.batches import work
from gateway.batches.lines import Answer
from gateway.batches.runner import BatchRunner
from gateway.batches.work import Ask, BatchLimits, Lost, Work
from gateway.store.batch_rows import BatchFilter, BatchRow, BatchStatus
from gateway.store.file_rows import FileFilter, FileRow
from gateway.store.store import Store
from tests.store.conftest import Home

CHAT = "/v1/chat/completions"
LIMITS = BatchLimits(
    parallel=4, max_open=2, max_requests=1000, max_file=2**20, max_kept=2**20, retention=86_400
)  # fmt: skip
DAY = 86_400.0


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
    row = BatchRow(f"batch_{number}", owner, CHAT, "24h", file.id, now + number, now + due)
    assert await store.batches.add(row, LIMITS.max_open)
    return row


async def claimed(store: Store, ask: Ask, worker: str = "w", lease: float = 60) -> Work:
    row = await store.batches.claim(worker, lease)
    assert row
    return Work(row, worker, store.batches, store.files, ask, LIMITS)


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
    runner.start(ask)
    yield runner
    await runner.drain(0)


async def test_all_are_asked_some_at_a_time_and_answered_in_their_order(store: Store) -> None:
    await batch(store, 250)
    ask = Asked(0.001, a7=[400], a9=[429, 429, 200], a11=[503, 200])
    work = await claimed(store, ask)
    await work.run()
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
    slow = Asked(0.6)
    lost = asyncio.create_task((await claimed(store, slow, "one", lease=0.2)).run())
    await until(lambda: len(slow.counts) == LIMITS.parallel)
    await until(lambda: store.batches.claim("two", 60))
    row = await found(store)
    await Work(row, "two", store.batches, store.files, Asked(), LIMITS).run()
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
    ask = Asked(0.05)
    async with minded(store, ask) as runner:
        await until(lambda: len(ask.counts) > 8)
        await store.batches.cancel("batch_1")
        runner.wake()
        await until(lambda: ask.now == 0)
        await until(lambda: _is(store, BatchStatus.CANCELLED))
    row = await found(store)
    answers, errors = await told(store, row.output_id), await told(store, row.error_id)
    assert len(answers) == row.completed > 0 and len(answers) + len(errors) == 30
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
    assert await store.batches.reads("file-1") == "batch_1" and await store.batches.reads("file-9") is None


async def test_files_past_their_time_go_with_all_their_lines(store: Store) -> None:
    now = time.time()
    for id, end in (("old", now - 1), ("new", now + DAY), ("gone", now + DAY)):
        await store.files.add(FileRow(id, "k", "x", "batch", now, now + DAY))
        await store.files.append(id, [(n, b"x\n") for n in range(1, 1202)])
        assert await store.files.finish(id, end) == 2402
    await store.files.forget("gone")
    assert await store.files.find("old") is None and await store.files.kept("k", "batch") == 2402
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


async def _is(store: Store, status: BatchStatus) -> bool:
    return (await found(store)).status is status
