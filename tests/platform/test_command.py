"""`gateway dev-platform` as a command: what it refuses, and that nothing is left when it ends."""

import socket
import subprocess
import sys
from pathlib import Path

import httpx

from tests.platform.process import BEARER, ROOT, PlatformProcess


def command(*options: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "gateway", "dev-platform", *options]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_a_fault_that_cannot_be_read_is_named() -> None:
    done = command("--api-port", "0", "--llm-port", "0", "--fault", "nonsense")
    assert done.returncode == 1
    assert "'nonsense' is no fault" in done.stderr


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = command("--api-port", str(taken.getsockname()[1]), "--llm-port", "0")
    assert done.returncode == 1
    assert "could not start" in done.stderr and "Traceback" not in done.stderr


def test_options_are_taken_and_nothing_but_the_config_stays(tmp_path: Path) -> None:
    process = PlatformProcess(tmp_path / "platform", "--balance", "3", "--fault", "GET /pricing=503:closed*1")
    assert process.get("/users/me")["balance"] == 3
    assert httpx.get(f"{process.api}/pricing", headers=BEARER).json() == {"detail": "closed"}
    assert process.stop() == 0
    assert [path.name for path in (tmp_path / "platform").iterdir()] == ["config.ini"]
