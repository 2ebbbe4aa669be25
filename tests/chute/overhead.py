"""What a cord that is a door costs beside a bare route of the same chute, in CPU time of the instance.

`python -m tests.chute.overhead` prints the figures. CPU time, because it does not depend on what else the machine does.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from gateway.platform.fleet import RUNNER, Fleet
from gateway.platform.sealing import seal, seal_path
from gateway.platform.world import World
from tests.chute.process import ROOT
from tests.fakes.ports import free_port

WARM, ROUNDS = 50, 5


@contextmanager
def instance(
    module: str = "bare_chute", source: Path = ROOT / "tests" / "chute", **environment: str
) -> Iterator[tuple[Fleet, httpx.Client, int]]:
    """An instance of `module`, called as the platform calls it; its process id. The files beside it come along."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in source.glob("*.py"):
            shutil.copy(path, folder)
        fleet, port = Fleet(World(), folder, folder, ""), free_port()
        command = [sys.executable, "-P", str(RUNNER), f"{module}:chute", "--port", str(port)]
        command += ["--miner", fleet.miner.address, "--validator", fleet.validator.address]
        given = {
            "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "CHUTES_EXECUTION_CONTEXT": "REMOTE",
            "CHUTES_LAUNCH_JWT": "eyJhbGciOiJub25lIn0.eyJlbnZfdHlwZSI6InRlZSJ9.none", "STATE_DIR": name,
        }  # fmt: skip
        child = subprocess.Popen(
            command, cwd=folder, env={**given, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
                _wait(fleet, client, child)
                yield fleet, client, child.pid
        finally:
            child.terminate()
            child.wait(40)


def _wait(fleet: Fleet, client: httpx.Client, child: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        assert child.poll() is None, "the instance ended"
        try:
            if client.get(seal_path("/_metrics"), headers=fleet.headers(b"")).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the instance is not up")


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cost(fleet: Fleet, client: httpx.Client, pid: int, path: str, *, stream: bool, calls: int) -> float:
    """CPU seconds of the instance for one call."""
    body = seal({"json": {"model": "m", "stream": stream}, "params": {}})
    before = cpu_seconds(pid)
    for _ in range(calls):
        reply = client.post(seal_path(path), content=body, headers=fleet.headers(body))
        assert reply.status_code == 200, reply.text
    return (cpu_seconds(pid) - before) / calls


def ratios(*, stream: bool, calls: int, **environment: Any) -> tuple[float, float]:
    """The door's cost over the bare route's (the median of rounds that take turns), and the bare cost in seconds."""
    with instance(**environment) as (fleet, client, pid):
        for path in ("/bare", "/door"):
            cost(fleet, client, pid, path, stream=stream, calls=min(WARM, calls))
        found = []
        for _ in range(ROUNDS):
            bare, door = (cost(fleet, client, pid, path, stream=stream, calls=calls) for path in ("/bare", "/door"))
            found.append((door / bare, bare))
        return sorted(found)[ROUNDS // 2]


def main() -> None:
    for label, stream, calls, environment in (
        ("whole answers", False, 400, {}),
        ("streams of 100 events at once", True, 40, {}),
        ("streams of 100 events, 2 ms apart", True, 10, {"PAUSE": "0.002"}),
        ("streams of 20 events, 30 ms apart", True, 10, {"PAUSE": "0.03", "TOKENS": "20"}),
    ):
        ratio, bare = ratios(stream=stream, calls=calls, **environment)
        print(f"{label:<36} bare {bare * 1e3:7.2f} ms of CPU a call, through the door {ratio:.2f} times that")


if __name__ == "__main__":
    main()
