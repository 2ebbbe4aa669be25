"""Jobs of a chute: the clock, retries, timeouts, and what a restart does (A003-09)."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.chute.jobs import Job, Scheduler
from gateway.errors import ConfigError


class Owner:
    def __init__(self) -> None:
        self.seen: list[Any] = []


def scheduler(tmp_path: Path, *jobs: Job, owner: Any = None) -> Scheduler:
    made = Scheduler(owner or Owner(), tmp_path / "jobs.json", pause=0.001)
    for job in jobs:
        made.add(job)
    return made


async def note(owner: Owner, value: int = 0) -> int:
    owner.seen.append(value)
    return value


async def test_a_job_gets_the_chute_and_its_arguments(tmp_path: Path) -> None:
    owner = Owner()
    run = await scheduler(tmp_path, Job("note", note), owner=owner).run("note", value=7)
    assert (run.state, run.result, run.attempts, owner.seen) == ("succeeded", 7, 1, [7])
    assert run.started_at and run.ended_at and run.run_id.startswith("run-")


async def test_a_plain_function_runs_in_a_thread(tmp_path: Path) -> None:
    run = await scheduler(tmp_path, Job("plain", lambda owner: "done")).run("plain")
    assert (run.state, run.result) == ("succeeded", "done")


@pytest.mark.parametrize(("fails", "state", "attempts"), [(2, "succeeded", 3), (3, "succeeded", 4), (9, "failed", 4)])
async def test_a_failing_job_is_tried_again(tmp_path: Path, fails: int, state: str, attempts: int) -> None:
    tried = 0

    async def fail(owner: Owner) -> str:
        nonlocal tried
        tried += 1
        if tried <= fails:
            raise RuntimeError("not yet")
        return "done"

    run = await scheduler(tmp_path, Job("fail", fail, retry_count=3)).run("fail")
    assert (run.state, run.attempts, tried) == (state, attempts, attempts)
    assert run.error == (None if state == "succeeded" else "RuntimeError: not yet")


async def test_a_job_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    async def hang(owner: Owner) -> None:
        await asyncio.sleep(3600)

    run = await scheduler(tmp_path, Job("hang", hang, retry_count=0, timeout=0.01)).run("hang")
    assert (run.state, run.error) == ("failed", "TimeoutError: ")


async def test_the_runs_are_visible_newest_first(tmp_path: Path) -> None:
    made = scheduler(tmp_path, Job("note", note, schedule="0 2 * * *", timeout=5))
    await made.run("note", value=1)
    await made.run("note", value=2)
    state = made.state()
    assert [run["result"] for run in state["runs"]] == [2, 1]
    assert state["jobs"][0]["next"].endswith("T02:00:00+00:00")


async def test_a_run_that_was_interrupted_is_run_again(tmp_path: Path) -> None:
    owner, started = Owner(), asyncio.Event()

    async def hang(one: Owner, value: int) -> None:
        started.set()
        await asyncio.sleep(3600)

    first = scheduler(tmp_path, Job("work", hang))
    run = first.submit("work", value=3)
    await started.wait()
    await first.stop()

    second = scheduler(tmp_path, Job("work", note), owner=owner)
    await second.start()
    await _until(lambda: owner.seen == [3])
    await _until(lambda: second.state()["runs"][0]["state"] == "succeeded")
    assert second.state()["runs"][0]["run_id"] == run.run_id
    await second.stop()
    third = scheduler(tmp_path, Job("work", note), owner=owner)
    await third.start()
    await third.stop()
    assert owner.seen == [3], "an ended run is not run again"


async def test_times_that_passed_while_it_was_down_are_made_up_for_once(tmp_path: Path) -> None:
    owner = Owner()
    long_ago = (datetime.now(UTC) - timedelta(days=3 * 366)).isoformat()
    (tmp_path / "jobs.json").write_text(json.dumps({"last_due": {"note": long_ago}, "pending": []}))
    made = scheduler(tmp_path, Job("note", note, schedule="0 0 1 1 *"), owner=owner)
    await made.start()
    await _until(lambda: owner.seen == [0])
    await asyncio.sleep(0.05)
    assert owner.seen == [0]
    due = datetime.fromisoformat(made.state()["runs"][0]["due"])
    assert datetime.now(UTC) - due < timedelta(days=367)
    await made.stop()


async def test_a_new_job_waits_for_its_time(tmp_path: Path) -> None:
    owner = Owner()
    made = scheduler(tmp_path, Job("note", note, schedule="0 2 1 1 *"), owner=owner)
    await made.start()
    await asyncio.sleep(0.02)
    await made.stop()
    assert owner.seen == []
    assert "note" in json.loads((tmp_path / "jobs.json").read_text())["last_due"]


async def test_the_clock_starts_a_run(tmp_path: Path) -> None:
    owner = Owner()
    made = scheduler(tmp_path, Job("note", note, schedule="* * * * * *"), owner=owner)  # every second
    await made.start()
    await _until(lambda: len(owner.seen) >= 2, seconds=30)
    await made.stop()


@pytest.mark.parametrize("kept", ["", "{", "[]", '{"last_due": 7, "pending": [{}]}'])
async def test_a_file_that_cannot_be_read_is_no_reason_not_to_start(tmp_path: Path, kept: str) -> None:
    (tmp_path / "jobs.json").write_text(kept)
    made = scheduler(tmp_path, Job("note", note))
    await made.start()
    assert (await made.run("note")).state == "succeeded"
    await made.stop()


async def test_runs_go_on_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    made = Scheduler(Owner(), tmp_path / "file" / "jobs.json")
    made.add(Job("note", note))
    assert (await made.run("note")).state == "succeeded"


def test_a_job_that_cannot_be_is_refused(tmp_path: Path) -> None:
    made = scheduler(tmp_path, Job("note", note))
    for job, words in (
        (Job("note", note), "declared twice"),
        (Job("a", note, schedule="every day"), "no cron line"),
        (Job("b", note, schedule="0 25 * * *"), "no cron line"),
        (Job("c", note, retry_count=-1), "retry_count"),
        (Job("d", note, timeout=0), "timeout"),
    ):
        with pytest.raises(ConfigError, match=words):
            made.add(job)


async def test_what_json_cannot_carry_and_unknown_names_are_refused(tmp_path: Path) -> None:
    made = scheduler(tmp_path, Job("note", note))
    with pytest.raises(ConfigError, match="there are note"):
        made.submit("other")
    with pytest.raises(TypeError):
        made.submit("note", value=object())


async def _until(condition: Any, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
