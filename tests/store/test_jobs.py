"""Jobs in the database, on both: who may have how many, who works on them, what is kept of them and for how long."""

import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from gateway.access.secrets import Sealer
from gateway.errors import GatewayError
from gateway.jobs.desk import Desk
from gateway.jobs.hooks import Courier, HookRules
from gateway.jobs.runner import LEASE, JobLimits, Runner
from gateway.store.job_rows import JobRow, JobStatus
from gateway.store.retention import Retention
from gateway.store.store import Store
from tests.store.conftest import Home

DAY = 86_400.0
MB = 2**20


def job(number: int, *, owner: str = "k", worker: str = "w", lease: float = 60, model: str = "m") -> JobRow:
    now = time.time()
    return JobRow(
        f"job-{number}", owner, f"req-{number}", "chat.completions", model, worker, now + number / 1000, now + lease
    )


def ended(row: JobRow, size: int = 0, *, at: float = 0.0, lives: float = DAY) -> JobRow:
    now = time.time() + at
    return replace(
        row,
        status=JobStatus.SUCCEEDED,
        finished_at=now,
        expires_at=now + lives,
        http_status=200,
        headers={"content-type": "audio/mpeg"},
        size=size,
    )


async def test_a_job_comes_back_as_it_was_written_with_its_bytes(store: Store) -> None:
    row = job(1, model="mä大")
    assert await store.jobs.add(row, 9)
    found = await store.jobs.find("job-1")
    assert found and found.is_open and found.http_status is None
    assert found == row
    done, answer = ended(found, 256), bytes(range(256))
    await store.jobs.finish(done, answer, MB)
    assert await store.jobs.find("job-1") == done
    assert await store.jobs.read_body("job-1") == answer


async def test_an_owner_has_so_many_at_a_time_and_others_their_own(store: Store) -> None:
    assert await store.jobs.add(job(1), 2) and await store.jobs.add(job(2), 2)
    assert not await store.jobs.add(job(3), 2) and await store.jobs.add(job(4, owner="other"), 2)
    await store.jobs.finish(ended(job(1)), b"", MB)
    assert await store.jobs.count_open("k") == 1 and await store.jobs.add(job(5), 2)


async def test_a_list_has_the_newest_first_and_goes_on_behind_any_of_them(store: Store) -> None:
    for number in range(5):
        await store.jobs.add(job(number), 9)
    await store.jobs.add(job(9, owner="other"), 9)
    first = await store.jobs.listed("k", 2, None)
    then = await store.jobs.listed("k", 9, first[-1])
    assert [one.id for one in first] == ["job-4", "job-3"] and [one.id for one in then] == ["job-2", "job-1", "job-0"]
    assert len(await store.jobs.listed(None, 9, None)) == 6


async def test_who_does_not_renew_its_lease_is_gone_and_its_jobs_have_failed(store: Store) -> None:
    await store.jobs.add(job(1, worker="alive", lease=-1), 9)
    await store.jobs.add(job(2, worker="dead", lease=-1), 9)
    await store.jobs.renew("alive", time.time() + 60)
    assert await store.jobs.count_open("k") == 1
    assert await store.jobs.interrupt_old(time.time() - 60, DAY) == 0
    assert await store.jobs.interrupt_old(time.time(), DAY) == 1
    alive, dead = await store.jobs.find("job-1"), await store.jobs.find("job-2")
    assert alive and alive.is_open
    assert dead and dead.status is JobStatus.FAILED and dead.error["code"] == "job_interrupted"
    assert dead.expires_at and dead.expires_at > time.time() + DAY - 60


async def test_a_job_is_lost_only_when_its_lease_stands_still(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clocks of two machines differ by more than a lease, or the database was away for so long."""
    limits = JobLimits(9, MB, MB, DAY)
    desk = Desk(store.jobs, Runner(store.jobs, limits, Courier(HookRules()), Sealer("k" * 32)))
    clock = [1000.0]
    monkeypatch.setattr("gateway.jobs.desk.time", SimpleNamespace(time=time.time, monotonic=lambda: clock[0]))
    await store.jobs.add(job(1, worker="alive", lease=-60), 9)
    for ago in (50, 40, 30):
        assert (await desk.find("job-1", None)).is_open
        clock[0] += LEASE
        await store.jobs.renew("alive", time.time() - ago)
    assert (await desk.find("job-1", None)).is_open
    clock[0] += LEASE
    assert (await desk.listed(None, 9, None))[0][0].status is JobStatus.FAILED


async def test_a_hook_is_taken_over_once_and_only_as_it_was_seen(store: Store) -> None:
    await store.jobs.add(job(1, worker="a"), 9, "sealed")
    await store.jobs.add(job(2, worker="a"), 9)
    (seen,) = await store.jobs.hooks_of_others("b")
    assert await store.jobs.hooks_of_others("a") == []
    await store.jobs.renew("a", time.time() + 99)
    assert await store.jobs.take_hook(seen, "b", 0) is None
    (seen,) = await store.jobs.hooks_of_others("b")
    assert await store.jobs.take_hook(seen, "b", 0) == "sealed"
    assert await store.jobs.take_hook(seen, "c", 0) is None
    await store.jobs.give_hooks_back("b")
    assert [(left.job_id, left.worker) for left in await store.jobs.hooks_of_others("c")] == [("job-1", "")]
    await store.jobs.remove("job-1")
    assert await store.jobs.hooks_of_others("c") == []


async def test_the_worker_that_runs_a_job_learns_that_it_shall_end(store: Store) -> None:
    await store.jobs.add(job(1, worker="a"), 9)
    await store.jobs.add(job(2, worker="b"), 9)
    for id in ("job-1", "job-2", "job-3"):
        await store.jobs.wish_cancelled(id)
    assert await store.jobs.wished("a") == ["job-1"] and await store.jobs.wished("b") == ["job-2"]
    await store.jobs.finish(ended(job(1)), None, MB)
    assert await store.jobs.wished("a") == []


async def test_the_oldest_answers_of_an_owner_go_when_all_are_too_large(store: Store) -> None:
    for number, owner in ((1, "k"), (2, "k"), (3, "other"), (4, "k")):
        await store.jobs.add(job(number, owner=owner), 9)
        await store.jobs.finish(ended(job(number, owner=owner), 40, at=number), b"x" * 40, 100)
    assert [one.id for one in await store.jobs.listed(None, 9, None)] == ["job-4", "job-3", "job-2"]


async def test_what_is_past_its_time_is_not_found_and_then_gone(store: Store) -> None:
    await store.jobs.add(job(1), 9)
    await store.jobs.add(job(2), 9)
    await store.jobs.finish(ended(job(1), 1, lives=-1), b"x", MB)
    assert await store.jobs.find("job-1") is None and len(await store.jobs.listed("k", 9, None)) == 1
    assert (await store.prune(Retention(jobs_before=time.time())))["jobs"] == 1
    assert await store.jobs.read_body("job-1") == b"" and await store.jobs.find("job-2")


async def test_a_closed_store_says_so(home: Home) -> None:
    store = await home.open()
    await store.close()
    with pytest.raises(GatewayError, match="closed"):
        await store.jobs.find("job-1")
