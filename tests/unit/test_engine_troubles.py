"""The supervisor in the troubles of a long life: processes that are shot, orders that cross, no descriptors left."""

import asyncio
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from chute_models.guard import descendants
from chute_models.status import Timing
from tests.fakes.supervised import fake_spec
from tests.unit.test_engine_supervisor import FAST, _values, alive, engine_pids, now, running, shoot, until

PATIENT = Timing(**{**_values(FAST), "ready_probe": 30.0})
"""Looks at a ready engine so rarely that only what is told at once can be seen."""


async def test_the_end_of_a_process_is_seen_at_once(tmp_path: Path) -> None:
    async with running(tmp_path, fake_spec(), timing=PATIENT) as board:
        assert await board.wait_ready("fake", 30)
        os.kill(engine_pids(board)[1], signal.SIGSEGV)
        await until(lambda: now(board).state != "ready", 30)
        assert await board.wait_ready("fake", 30)
        assert now(board).restarts == 1


async def test_a_queued_engine_can_be_stopped_and_started_again(tmp_path: Path) -> None:
    specs = [fake_spec("one", args=("slow=600",)), fake_spec("two")]
    timing = Timing(**{**_values(FAST), "stall_after": 600.0})
    async with running(tmp_path, *specs, slots=1, timing=timing) as board:
        await until(lambda: now(board, "one").phase == "loading")
        await asyncio.wait_for(board.unload("two"), 30)
        assert now(board, "two").state == "stopped"
        await board.load("two")
        await until(lambda: now(board, "two").phase == "queued")
        await board.unload("one")
        assert await board.wait_ready("two", 30)
        assert now(board, "two").restarts == 0


async def test_loading_while_it_stops_starts_it_again(tmp_path: Path) -> None:
    async with running(tmp_path, fake_spec(args=("stubborn",), grace_seconds=600)) as board:
        assert await board.wait_ready("fake", 30)
        first, engine = now(board).pid, engine_pids(board)[1]
        stopping = asyncio.create_task(board.unload("fake"))
        await until(lambda: now(board).state == "draining")
        await board.load("fake")
        await asyncio.wait_for(stopping, 30)
        os.kill(engine, signal.SIGKILL)
        await until(lambda: now(board).state == "ready" and now(board).pid != first, 30)
        await shoot(board)


async def test_loading_ends_a_pause(tmp_path: Path) -> None:
    slow = Timing(**{**_values(FAST), "backoff_first": 600.0, "backoff_max": 600.0, "failed_starts": 1})
    async with running(tmp_path, fake_spec(), timing=slow) as board:
        assert await board.wait_ready("fake", 30)
        os.kill(engine_pids(board)[1], signal.SIGKILL)
        await until(lambda: now(board).state == "failed", 30)
        await board.load("fake")
        assert now(board).error is None
        await until(lambda: now(board).state == "ready", 30)


@contextmanager
def no_descriptors() -> Iterator[Callable[[], None]]:
    """None left to this process, as under too many connections. Calling what it gives takes those freed since."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 400), hard))

    def take() -> None:
        with suppress(OSError):
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))

    try:
        take()
        yield take
    finally:
        for one in taken:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_gateway_short_of_descriptors_leaves_its_engines_alone(tmp_path: Path) -> None:
    timing = Timing(**{**_values(FAST), "measure_every": 0.0, "hang_after": 0.2})
    async with running(tmp_path, fake_spec(), timing=timing) as board:
        assert await board.wait_ready("fake", 30)
        first = now(board).pid
        with no_descriptors():
            began = time.monotonic()
            await until(lambda: time.monotonic() > began + 1)
        await until(lambda: now(board).state == "ready", 30)
        assert (now(board).pid, now(board).restarts) == (first, 0)


async def test_a_start_without_descriptors_is_tried_again(tmp_path: Path) -> None:
    async with running(tmp_path, fake_spec()) as board:
        assert await board.wait_ready("fake", 30)
        pids = engine_pids(board)
        with no_descriptors() as take:
            os.kill(pids[1], signal.SIGKILL)
            await until(lambda: take() or now(board).restarts >= 2, 30)
        await until(lambda: now(board).state == "ready", 30)
        assert alive(pids) == [] and descendants(now(board).pid or 0)


async def test_a_start_that_would_fail_the_same_way_is_not_repeated(tmp_path: Path) -> None:
    say = "say=OSError: You are trying to access a gated repo."
    async with running(tmp_path, fake_spec(args=(say, "exit=1"))) as board:
        assert not await board.wait_ready("fake", 60)
        status = now(board)
        assert (status.state, status.restarts) == ("failed", 0)
        assert "gated repo. Whoever runs it must accept the model's licence" in (status.error or "")


async def test_what_was_said_of_a_request_is_not_why_a_process_was_shot(tmp_path: Path) -> None:
    async with running(tmp_path, fake_spec(args=("dying=ERROR ValueError: the prompt is too long",))) as board:
        assert await board.wait_ready("fake", 30)
        os.kill(engine_pids(board)[1], signal.SIGUSR2)
        await until(lambda: "ERROR ValueError: the prompt is too long" in board.tail("fake"))
        os.kill(engine_pids(board)[1], signal.SIGKILL)
        await until(lambda: now(board).error, 30)
        assert (now(board).error or "").startswith("killed from outside, perhaps for lack of memory")


async def test_the_last_words_of_a_ready_engine_are_the_reason(tmp_path: Path) -> None:
    async with running(tmp_path, fake_spec(args=("dying=torch.OutOfMemoryError: CUDA out of memory.",))) as board:
        assert await board.wait_ready("fake", 30)
        os.kill(engine_pids(board)[1], signal.SIGUSR1)
        await until(lambda: now(board).error, 30)
        assert (now(board).error or "").startswith("OutOfMemoryError: CUDA out of memory. The GPU's memory is used up")


async def test_the_engines_own_secret_is_in_no_error(tmp_path: Path) -> None:
    async with running(tmp_path, fake_spec(args=("tell", "exit=1"))) as board:
        assert not await board.wait_ready("fake", 60)
        assert now(board).error == "ValueError: bad key [hidden]"


async def test_a_restart_for_a_reason_tells_it_and_is_no_draining(tmp_path: Path) -> None:
    """Who asks for the model meanwhile waits for it, as for one that loads."""
    async with running(tmp_path, fake_spec(args=("stubborn",), grace_seconds=600)) as board:
        assert await board.wait_ready("fake", 30)
        first = now(board).pid
        await board.restart("fake", "hung: nothing came")
        await until(lambda: now(board).state == "loading")
        assert (now(board).pid, now(board).error) == (first, "hung: nothing came")
        os.kill(engine_pids(board)[1], signal.SIGKILL)
        assert await board.wait_ready("fake", 30)
        assert (now(board).pid != first, now(board).error) == (True, None)
        await shoot(board)


async def test_a_hung_engine_that_goes_on_talking_is_killed_all_the_same(tmp_path: Path) -> None:
    timing, mute = Timing(**{**_values(FAST), "probe_timeout": 1.0, "stall_after": 4.0}), tmp_path / "mute"
    async with running(tmp_path, fake_spec(args=(f"mute={mute}", "chatter")), timing=timing) as board:
        assert await board.wait_ready("fake", 30)
        mute.touch()
        await until(lambda: now(board).restarts == 1, 30)


async def test_a_suspected_engine_is_looked_at_at_once(tmp_path: Path) -> None:
    """One bad answer is enough then; one that is well stays ready."""
    timing = Timing(**{**_values(PATIENT), "probe_timeout": 2.0, "hang_after": 600.0})
    async with running(tmp_path, fake_spec(args=("mute=" + str(tmp_path / "mute"),)), timing=timing) as board:
        assert await board.wait_ready("fake", 30)
        board.suspect("fake")
        await asyncio.sleep(0.1)
        assert now(board).state == "ready"
        (tmp_path / "mute").touch()
        await asyncio.to_thread(board.suspect, "fake")
        await until(lambda: now(board).state == "loading", 30)
        (tmp_path / "mute").unlink()
        board.suspect("fake")
        await until(lambda: now(board).state == "ready", 30)
        assert now(board).restarts == 0


async def test_what_vllm_says_when_its_core_was_killed(tmp_path: Path) -> None:
    """Nothing: it ends with code 0."""
    async with running(tmp_path, fake_spec(args=("linger=0",), runtime="vllm")) as board:
        assert await board.wait_ready("fake", 30)
        os.kill(engine_pids(board)[1], signal.SIGUSR1)
        await until(lambda: now(board).error, 30)
        assert (
            now(board).error == "ended with code 0, as vLLM does when its core was killed, perhaps for lack of memory"
        )
