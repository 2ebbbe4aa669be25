"""Local engines that crash, stall and come back under a whole gateway with its real supervisor, as callers meet it."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from chute_models.guard import descendants
from chute_models.status import Status, Timing
from chute_models.supervisor import Supervisor
from tests.api.running import RunningGateway
from tests.fakes.supervised import fake_launch, fake_spec

QUICK = Timing(loading_probe=0.05, ready_probe=0.2, backoff_first=0.2, backoff_max=0.4, failed_starts=9)


class Rig:
    """A gateway with one engine, `fake`, that does as the wishes say."""

    def __init__(self, folder: Path, *wishes: str, timing: Timing) -> None:
        spec = fake_spec(args=wishes)
        self.board = Supervisor([spec], fake_launch, engine_python=sys.executable, state_dir=folder, timing=timing)
        self.gateway = RunningGateway(folder, self.board)

    @property
    def status(self) -> Status:
        return self.board.statuses()[0]

    def until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"the condition was not met in time: {self.status}, {self.status.error}"
            time.sleep(0.01)

    def until_ready(self) -> None:
        self.until(lambda: self.status.state == "ready")

    def kill(self, number: int) -> None:
        os.kill(descendants(self.status.pid or 0)[0], number)

    def refuses(self) -> bool:
        """Whether nobody takes connections where the engine did."""
        try:
            socket.create_connection(("127.0.0.1", int(self.status.address.rpartition(":")[2])), 20).close()
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:  # it closes its port in this very moment
            return False
        return False

    def ask(self, **more: Any) -> httpx.Response:
        body = {"model": "model-fake", "messages": [{"role": "user", "content": "hi"}], **more}
        with self.gateway.http() as http:
            return http.post("/v1/chat/completions", json=body)

    def breakers(self) -> list[str]:
        vitals = self.gateway.app.state.dispatcher.vitals.items()
        return [vital.state(time.monotonic()) for _, vital in vitals]


@contextmanager
def rig(folder: Path, *wishes: str, timing: Timing = QUICK) -> Iterator[Rig]:
    running = Rig(folder, *wishes, timing=timing)
    try:
        running.until_ready()
        yield running
    finally:
        running.gateway.stop()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_calls_wait_for_the_next_process_of_an_engine_that_was_killed(tmp_path: Path, number: int) -> None:
    """What the dead process broke is not held against its successor: nobody rests for it."""
    (held := tmp_path / "held").touch()
    with rig(tmp_path, f"held={held}") as engine, ThreadPoolExecutor(25) as pool:
        calls: list[Future[httpx.Response]] = [pool.submit(engine.ask) for _ in range(20)]
        engine.until(lambda: engine.gateway.app.state.dispatcher.in_flight("fake") >= 20)
        engine.kill(number)
        engine.until(lambda: engine.status.state != "ready" or engine.status.restarts)
        held.unlink()
        calls += [pool.submit(engine.ask) for _ in range(5)]
        assert [call.result().status_code for call in calls] == [200] * 25
        assert engine.breakers() == ["closed"]


def test_streams_of_an_engine_that_was_killed_end_with_an_error(tmp_path: Path) -> None:
    (held := tmp_path / "held").touch()
    with rig(tmp_path, f"held={held}") as engine, ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(engine.ask, stream=True) for _ in range(8)]
        engine.until(lambda: engine.gateway.app.state.dispatcher.in_flight("fake") >= 8)
        engine.until(lambda: all(vital.latency for _, vital in engine.gateway.app.state.dispatcher.vitals.items()))
        engine.kill(signal.SIGKILL)
        engine.until(lambda: engine.status.state != "ready" or engine.status.restarts)
        held.unlink()
        texts = [call.result().text for call in calls]
        assert all(("[DONE]" in text) != ('"error"' in text) for text in texts)
        assert any('"error"' in text for text in texts)
        engine.until_ready()
        assert engine.breakers() == ["closed"]
        assert engine.ask(stream=True).text.endswith("data: [DONE]\n\n")


def test_calls_wait_while_an_engine_refuses_them_before_it_ends(tmp_path: Path) -> None:
    """So vLLM dies when its core was killed: for seconds its process is there and refuses connections."""
    rarely = replace(QUICK, ready_probe=30.0)
    with rig(tmp_path, "linger=3", timing=rarely) as engine:
        engine.kill(signal.SIGUSR1)
        engine.until(lambda: engine.refuses() or engine.status.restarts)
        assert [engine.ask().status_code, engine.ask().status_code] == [200, 200]
        engine.until(lambda: engine.status.restarts == 1)
