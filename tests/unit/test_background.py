"""Periodic tasks run, fail, are logged and end; what an engine says of itself is read."""

import asyncio
import logging
import time
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.background.loads import EngineLoads, read_load, with_speed
from gateway.background.tasks import Background, Periodic
from gateway.backoffice import _follow
from gateway.errors import StorageFailed, StorageUnavailable
from gateway.providers.base import Timeouts
from gateway.providers.engines import EngineState
from gateway.providers.transport.addresses import AddressPolicy
from gateway.providers.transport.pooled import PooledTransport
from gateway.routing.dispatcher import Dispatcher
from gateway.routing.types import Target
from gateway.routing.vitals import EngineLoad
from gateway.state import Snapshot, State
from tests.fakes.board import FakeBoard, FakeEngine
from tests.fakes.upstream import Upstream


async def test_a_lost_database_is_told_of_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, pauses = [1000.0], []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += 10

    monkeypatch.setattr("gateway.backoffice.asyncio.sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    troubles = [StorageUnavailable("gone"), StorageFailed("damaged"), ValueError("odd")] * 3
    store: Any = Mock(wait_for_change=AsyncMock(side_effect=[*troubles, asyncio.CancelledError]))
    with caplog.at_level(logging.WARNING, "gateway"), pytest.raises(asyncio.CancelledError):
        await _follow(Mock(), store)
    assert pauses == [1, 1, 5] * 3
    assert [record.getMessage() for record in caplog.records] == ["changes by others cannot be read: gone"] * 2


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
vllm:num_requests_running{engine="0",model_name="m"} 4.0
vllm:prompt_tokens_total{engine="0",model_name="m"} 1000.0
vllm:generation_tokens_total{engine="0",model_name="m"} 300.0
vllm:generation_tokens_total{engine="1",model_name="m"} 200.0
"""


def test_the_metrics_of_vllm_and_of_our_engines_are_read() -> None:
    load = read_load(VLLM, 1.0)
    assert (load.waiting, load.memory, load.at) == (5, 0.75, 1.0)
    assert (load.running, load.read, load.written) == (4, 1000, 500)
    ours = "engine:num_requests_running 1\nengine:num_requests_waiting 4\nengine:device_memory_bytes 2e9\n"
    load = read_load(ours, 1.0)
    assert (load.waiting, load.memory, load.running, load.device_memory) == (4, None, 1, 2e9)
    assert load.written is None, "an engine that counted nothing yet tells no tokens"


def test_tokens_a_second_are_those_between_the_oldest_look_and_the_newest() -> None:
    def at(seconds: float, written: int) -> EngineLoad:
        return read_load(f"engine:generation_tokens_total {written}\n", seconds)

    assert with_speed([at(0.0, 100), at(4.0, 200), at(8.0, 500)]).output_speed == 50
    assert with_speed([read_load("", 0.0), at(2.0, 30)]).output_speed == 15, "the first count appears"
    assert with_speed([at(0.0, 100)]).output_speed is None
    assert with_speed([at(0.0, 100), at(4.0, 20)]).output_speed is None, "it began anew"
    assert with_speed([read_load("", 0.0), read_load("", 2.0)]).input_speed is None


async def test_an_engine_that_works_tells_how_fast_and_one_that_ended_is_forgotten(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.background.loads._PATIENCE", Timeouts(connect=20, first_byte=20, whole=20, idle=20))
    board = FakeBoard(FakeEngine("chat", "chat", "tiny", upstream.url, gpu_memory=7_000))
    state = State(Snapshot(1, {}, {}, {}, {}), Dispatcher({}), board, 1.0)
    transport = PooledTransport(AddressPolicy(True))
    loads, known = EngineLoads(state, transport), state.dispatcher.vitals.loads
    upstream.metrics = "engine:num_requests_running 3\nengine:generation_tokens_total 100\n"
    await loads.look()
    assert known["chat"].output_speed is None and known["chat"].device_memory == 7_000
    upstream.metrics = "engine:num_requests_running 1\nengine:generation_tokens_total 400\n"
    await loads.look()
    assert (known["chat"].output_speed or 0) > 0 and known["chat"].running == 1
    board.become("chat", EngineState.STOPPED)
    await loads.look()
    assert known == {}
    await transport.aclose()


async def test_an_engine_that_stands_still_is_started_again(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its health check answers, and no call does. Time without calls does not count, nor time in which it moves."""
    now = [1000.0]
    board = FakeBoard(FakeEngine("chat", "chat", "tiny", upstream.url), FakeEngine("ocr", "ocr", "o", upstream.url))
    state = State(Snapshot(1, {}, {}, {}, {}), Dispatcher({}), board, 1.0)
    transport = PooledTransport(AddressPolicy(True))
    loads = EngineLoads(state, transport)
    calls = {name: state.dispatcher.vitals[Target(name, "tiny")] for name in ("chat", "ocr")}
    upstream.metrics = "engine:prompt_tokens_total 5\nengine:generation_tokens_total 100\n"
    monkeypatch.setattr("gateway.background.loads.time.monotonic", lambda: now[0])

    async def look_for(seconds: float) -> str:
        for _ in range(3):
            now[0] += seconds / 3
            await loads.look()
        return board.engines["chat"].state

    assert await look_for(2000) == EngineState.READY
    for vital in calls.values():
        vital.in_flight = 2
    assert await look_for(500) == EngineState.READY
    upstream.metrics = "engine:prompt_tokens_total 5\nengine:generation_tokens_total 101\n"
    assert await look_for(500) == EngineState.READY
    assert await look_for(500) == EngineState.LOADING
    assert board.engines["chat"].error == "hung: 2 calls, no token for 600 s"
    assert board.engines["ocr"].state == EngineState.READY
    await transport.aclose()


@given(st.text(st.sampled_from('vlm:num_requests_waiting{}= \n01.e+-"')), st.integers(0, 200))
def test_broken_metrics_break_nothing(text: str, cut: int) -> None:
    assert read_load(VLLM[:cut] + text + VLLM[cut:], 0.0).at == 0.0
