"""Periodic tasks run, fail, are logged and end; what an engine says of itself is read."""

import asyncio
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.background.loads import read_load
from gateway.background.tasks import Background, Periodic


class Job:
    """Fails as often as told."""

    def __init__(self, failures: int = 0) -> None:
        self.runs, self.failures = 0, failures
        self.enough = asyncio.Event()

    async def run(self) -> None:
        self.runs += 1
        if self.runs >= 4:
            self.enough.set()
        if self.runs <= self.failures:
            raise ValueError("no luck")


async def test_a_task_runs_again_and_again_and_survives_its_exceptions(caplog: pytest.LogCaptureFixture) -> None:
    job, background = Job(failures=3), Background()
    with caplog.at_level(logging.WARNING, "gateway.background"):
        background.keep(Periodic("job", 0.01, job.run))
        await asyncio.wait_for(job.enough.wait(), 10)
    (status,) = background.statuses()
    assert status.name == "job" and status.runs >= 3 and status.failures == 3
    assert status.last_error in ("", "ValueError: no luck") and status.last_run is not None
    assert [record.message for record in caplog.records] == ["job failed: ValueError: no luck"], "said once, not thrice"
    await background.stop()


async def test_stopping_cancels_what_runs_and_waits_for_it() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def endless() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    background = Background()
    background.keep(Periodic("endless", 1, endless))
    await asyncio.wait_for(began.wait(), 10)
    await background.stop()
    assert ended.is_set() and background.statuses() == []


async def test_a_task_of_the_same_name_takes_the_place_of_the_first() -> None:
    first, second, background = Job(), Job(), Background()
    background.keep(Periodic("job", 3600, first.run, at_once=False))
    background.keep(Periodic("job", 0.01, second.run))
    await asyncio.wait_for(second.enough.wait(), 10)
    assert first.runs == 0 and len(background.statuses()) == 1
    background.drop("job")
    background.drop("nobody")
    await background.stop()


VLLM = """
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="a b{c}"} 3.0
vllm:num_requests_waiting{engine="1",model_name="m"} 2.0
vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 9.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.75
"""


def test_the_metrics_of_vllm_and_of_our_engines_are_read() -> None:
    load = read_load(VLLM, 1.0)
    assert (load.waiting, load.memory, load.at) == (5, 0.75, 1.0)
    load = read_load("engine:num_requests_running 1\nengine:num_requests_waiting 4\n", 1.0)
    assert (load.waiting, load.memory) == (4, None)


@given(st.text(st.sampled_from('vlm:num_requests_waiting{}= \n01.e+-"')), st.integers(0, 200))
def test_broken_metrics_break_nothing(text: str, cut: int) -> None:
    assert read_load(VLLM[:cut] + text + VLLM[cut:], 0.0).at == 0.0
