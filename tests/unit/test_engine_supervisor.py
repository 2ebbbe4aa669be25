"""The supervisor against real processes that crash, hang, linger and breed."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvloop

from chute_models.gpu_memory import read_held
from chute_models.guard import descendants
from chute_models.ports import RESERVED
from chute_models.spec import EngineSpec
from chute_models.status import Status, Timing
from chute_models.supervisor import Supervisor
from gateway.providers.engines import EngineBoard, EngineStatus
from tests.fakes import supervised
from tests.fakes.supervised import fake_launch, fake_spec

FAST = Timing(
    loading_probe=0.05, ready_probe=0.05, probe_timeout=5, hang_after=20, stall_after=60, backoff_first=0.2,
    backoff_max=0.8, stable_after=30, kill_margin=0.5,
)  # fmt: skip


@asynccontextmanager
async def running(folder: Path, *specs: EngineSpec, timing: Timing = FAST, slots: int = 4) -> AsyncIterator[Supervisor]:
    board = Supervisor(
        specs, fake_launch, engine_python=sys.executable, state_dir=folder, parallel_starts=slots, timing=timing
    )
    await board.start()
    try:
        yield board
    finally:
        await board.stop()


def now(board: Supervisor, name: str = "fake") -> Status:
    status = board.status(name)
    assert status is not None
    return status


def engine_pids(board: Supervisor) -> list[int]:
    """The guard, the engine and all below."""
    pid = now(board).pid
    assert pid is not None
    return [pid, *descendants(pid)]


def alive(pids: list[int]) -> list[int]:
    found = []
    for pid in pids:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.append(pid)
    return found


async def shoot(board: Supervisor) -> None:
    """Kills the engine `fake`, ready and perhaps stubborn."""
    os.kill(engine_pids(board)[1], signal.SIGKILL)
    await until(lambda: now(board).state != "ready")


async def until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        await asyncio.sleep(0.02)


def test_it_implements_the_port_of_the_gateway(tmp_path: Path) -> None:
    board: EngineBoard = Supervisor([fake_spec()], fake_launch, engine_python=sys.executable, state_dir=tmp_path)
    status: EngineStatus | None = board.status("fake")
    assert status is not None
    assert (status.state, status.address, board.status("other")) == ("stopped", "", None)


async def test_an_engine_starts_and_stops(tmp_path: Path) -> None:
    async with running(tmp_path, fake_spec(args=("slow=0.3",))) as board:
        assert now(board).state == "loading"
        assert await board.wait_ready("fake", 30)
        status = now(board)
        assert (status.state, status.phase, status.percent, status.restarts) == ("ready", "ready", 100.0, 0)
        assert status.elapsed >= 0.3
        assert int(status.address.rpartition(":")[2]) not in RESERVED
        assert status.secret not in repr(status)
        pids = engine_pids(board)
    assert now(board).state == "stopped"
    assert alive(pids) == []


async def test_waiting_ends_with_the_time_given(tmp_path: Path) -> None:
    async with running(tmp_path, fake_spec(args=("slow=30",))) as board:
        assert not await board.wait_ready("fake", 0.2)
        assert not await board.wait_ready("unknown", 5)


async def test_waiting_works_from_another_loop(tmp_path: Path) -> None:
    async with running(tmp_path, fake_spec()) as board:
        answers: list[bool] = []
        other = threading.Thread(target=lambda: answers.append(asyncio.run(board.wait_ready("fake", 30))))
        other.start()
        await asyncio.to_thread(other.join)
        assert answers == [True]


async def live_once(folder: Path) -> int:
    async with running(folder, fake_spec()) as board:
        assert await board.wait_ready("fake", 30)
        return len(engine_pids(board))


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_any_loop_in_any_thread(tmp_path: Path, factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """No signal handlers, no child watcher: the platform's server and worker threads have loops of their own."""
    answers: list[int] = []

    def live() -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            answers.append(runner.run(live_once(tmp_path)))

    thread = threading.Thread(target=live)
    thread.start()
    thread.join()
    assert answers == [2]


def test_a_loop_that_ends_without_stopping_leaves_no_orphan(tmp_path: Path) -> None:
    pids: list[int] = []

    async def forget() -> None:
        board = Supervisor([fake_spec()], fake_launch, engine_python=sys.executable, state_dir=tmp_path, timing=FAST)
        await board.start()
        assert await board.wait_ready("fake", 30)
        pids.extend(engine_pids(board))

    thread = threading.Thread(target=lambda: asyncio.run(forget()))
    thread.start()
    thread.join()
    deadline = time.monotonic() + 30
    while alive(pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(pids) == 2
    assert alive(pids) == []


async def test_a_crash_is_followed_by_restarts_with_growing_pauses(tmp_path: Path) -> None:
    """The exit code is 0: an engine that was not asked to go has crashed all the same."""
    patient = Timing(**{**_values(FAST), "failed_starts": 9})
    async with running(tmp_path, fake_spec(args=("linger=0",)), timing=patient) as board:

        def restarted(times: int) -> bool:
            return now(board).restarts == times

        for crash, pause in enumerate((0.2, 0.4, 0.8), 1):
            assert await board.wait_ready("fake", 30)
            began = time.monotonic()
            os.kill(engine_pids(board)[1], signal.SIGUSR1)
            await until(lambda: now(board).error)
            assert now(board).error == "ended unexpectedly with code 0"
            await until(partial(restarted, crash))
            assert time.monotonic() - began >= pause


async def test_one_that_was_ready_before_is_never_given_up(tmp_path: Path) -> None:
    async with running(tmp_path, fake_spec()) as board:
        for _ in range(FAST.failed_starts):
            await until(lambda: now(board).state == "ready")
            await shoot(board)
        await until(lambda: now(board).state == "failed")
        await until(lambda: now(board).state == "ready")


async def test_a_hang_ends_in_a_restart(tmp_path: Path) -> None:
    timing, mute = Timing(**{**_values(FAST), "probe_timeout": 1.0, "hang_after": 3.0}), tmp_path / "mute"
    async with running(tmp_path, fake_spec(args=(f"mute={mute}",)), timing=timing) as board:
        assert await board.wait_ready("fake", 30)
        first = now(board)
        mute.touch()
        await until(lambda: now(board).state != "ready")
        await until(lambda: now(board).restarts == 1)
        assert first.pid is not None
        assert alive([first.pid]) == []
        assert now(board).error == "hung: its health check did not answer"


async def test_a_failing_start_says_why_in_one_line(tmp_path: Path) -> None:
    say = "ValueError: no room for\tthe cache, key sk-abcdefghijklmnop"
    async with running(tmp_path, fake_spec(args=("say=" + say, "exit=1"))) as board:
        assert not await board.wait_ready("fake", 60)
        status = now(board)
        assert (status.state, status.phase, status.restarts) == ("failed", "failed", 2)
        assert status.error == "ValueError: no room for the cache, key [hidden]"
        assert board.tail("fake", 1) == [say]
        await asyncio.sleep(0.5)
        assert now(board).restarts == 2


async def test_a_hopeless_start_is_not_repeated(tmp_path: Path) -> None:
    async with running(tmp_path, fake_spec(args=("exit=78",))) as board:
        assert not await board.wait_ready("fake", 30)
        assert now(board).restarts == 0


async def test_an_interpreter_that_is_not_there(tmp_path: Path) -> None:
    board = Supervisor([fake_spec()], fake_launch, engine_python="/nowhere/python", state_dir=tmp_path, timing=FAST)
    await board.start()
    assert not await board.wait_ready("fake", 30)
    assert "/nowhere/python" in (now(board).error or "")
    await board.stop()


async def test_one_failure_leaves_the_others_alone(tmp_path: Path) -> None:
    async with running(tmp_path, fake_spec("bad", args=("exit=78",)), fake_spec("good")) as board:
        assert await board.wait_ready("good", 30)
        assert not await board.wait_ready("bad", 30)
        assert [status.name for status in board.statuses()] == ["bad", "good"]
        assert now(board, "good").state == "ready"


async def test_a_failed_engine_can_be_loaded_again(tmp_path: Path) -> None:
    """The first start spoils, the file it leaves makes the second one work."""
    spec = fake_spec(args=("once=" + str(tmp_path / "seen"),))
    async with running(tmp_path, spec, timing=Timing(**{**_values(FAST), "failed_starts": 1})) as board:
        assert not await board.wait_ready("fake", 30)
        await board.load("fake")
        assert await board.wait_ready("fake", 30)


async def test_starts_are_staggered(tmp_path: Path) -> None:
    specs = [fake_spec(name, args=("slow=0.4",)) for name in ("one", "two", "three")]
    async with running(tmp_path, *specs, slots=1) as board:
        await until(lambda: now(board, "one").phase == "loading")
        assert [now(board, name).phase for name in ("two", "three")] == ["queued", "queued"]
        assert all([await board.wait_ready(name, 30) for name in ("one", "two", "three")])


async def test_restart_unload_load_and_drain(tmp_path: Path) -> None:
    async with running(tmp_path, fake_spec()) as board:
        assert await board.wait_ready("fake", 30)
        first = now(board).pid
        assert await board.drain("fake", 20)
        assert now(board).state == "draining"
        await board.restart("fake")
        await until(lambda: now(board).state == "ready" and now(board).pid != first)
        await board.unload("fake")
        assert (now(board).state, now(board).pid) == ("stopped", None)
        await board.load("fake")
        assert await board.wait_ready("fake", 30)


async def test_it_is_marked_draining_before_it_is_signalled(tmp_path: Path) -> None:
    async with running(tmp_path, fake_spec(args=("stubborn",), grace_seconds=600)) as board:
        assert await board.wait_ready("fake", 30)
        pids = engine_pids(board)
        stopping = asyncio.create_task(board.unload("fake"))
        await until(lambda: now(board).state == "draining")
        assert alive(pids) == pids
        os.kill(pids[1], signal.SIGKILL)
        await stopping
        assert alive(pids) == []


async def test_stopping_leaves_no_descendant(tmp_path: Path) -> None:
    async with running(tmp_path, fake_spec(args=("children",))) as board:
        assert await board.wait_ready("fake", 30)
        pids = engine_pids(board)
        assert len(pids) == 4
    assert alive(pids) == []


async def test_a_crash_takes_the_descendants_along(tmp_path: Path) -> None:
    async with running(tmp_path, fake_spec(args=("children",))) as board:
        assert await board.wait_ready("fake", 30)
        pids = engine_pids(board)
        os.kill(pids[1], signal.SIGKILL)
        await until(lambda: alive(pids) == [])
        await until(lambda: now(board).state == "ready")


async def test_a_killed_guard_takes_the_engine_along(tmp_path: Path) -> None:
    timing = Timing(**{**_values(FAST), "measure_every": 0.0})
    async with running(tmp_path, fake_spec(args=("children",)), timing=timing) as board:
        assert await board.wait_ready("fake", 30)
        await until(lambda: now(board).rss > 0)
        pids = engine_pids(board)
        os.kill(pids[0], signal.SIGKILL)
        await until(lambda: alive(pids) == [])
        await until(lambda: now(board).state == "ready")


def test_killing_the_gateway_leaves_no_orphan(tmp_path: Path) -> None:
    command = [sys.executable, "-m", supervised.__name__, str(tmp_path), "children", "stubborn"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as gateway:
        assert gateway.stdout is not None
        line = gateway.stdout.readline().split()
        assert line[:1] == ["ready"]
        pids = [int(line[1]), *descendants(int(line[1]))]
        assert len(alive(pids)) == 4
        gateway.kill()
    deadline = time.monotonic() + 30
    while alive(pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert alive(pids) == []


async def test_no_secret_of_the_gateway_reaches_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MASTER_API_KEY", "SECRET_KEY", "CHUTES_API_KEY", "DATABASE_URL", "HF_TOKEN"):
        monkeypatch.setenv(name, "do-not-tell")
    async with running(tmp_path, fake_spec(args=("children",))) as board:
        assert await board.wait_ready("fake", 30)
        for pid in engine_pids(board):
            assert b"do-not-tell" not in Path(f"/proc/{pid}/environ").read_bytes()
            assert now(board).secret.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()


def _values(timing: Timing) -> dict[str, Any]:
    return {name: getattr(timing, name) for name in Timing.__slots__}


def test_the_gpu_memory_of_each_process_is_read() -> None:
    told = "101, 2048\n102, [N/A]\n101, 512\n\nnonsense\n203, 1\n"
    assert read_held(told) == {101: 2560 * 2**20, 203: 2**20}
    assert read_held("No running processes found\n") == {}
