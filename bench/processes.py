"""Servers under test: started on a core of their own, asked until they answer, weighed, and stopped."""

import atexit
import http.client
import os
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SERVER_CORE = 0
LOAD_CORE = min(1, (os.cpu_count() or 1) - 1)


@dataclass(slots=True)
class Server:
    process: subprocess.Popen[bytes]
    port: int = 0

    def pids(self) -> set[int]:
        """The process and all that descend from it."""
        parents = _parents()
        found = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found

    def cpu_ns(self) -> int:
        """Nanoseconds on a CPU so far; time that the machine gave to others is not in it."""
        tasks = (task for pid in self.pids() for task in _entries(Path(f"/proc/{pid}/task")))
        return sum(int(stat.split()[0]) for task in tasks if (stat := _read(task / "schedstat")))

    def memory_mb(self) -> float:
        """Proportional set size: a page that several processes share is counted once."""
        lines = [line for pid in self.pids() for line in _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(command: list[str], folder: Path, *, core: int = SERVER_CORE, env: Mapping[str, str] | None = None) -> Server:
    """Runs the command in the folder, its output in `output.log` there, until it is stopped or the benchmark ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "output.log").open("ab") as log:
        process = subprocess.Popen(
            pinned(command, core), cwd=folder, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    server = Server(process)
    atexit.register(server.stop)
    return server


def pinned(command: list[str], core: int) -> list[str]:
    return ["taskset", "-c", str(core), *command]


def wait_for_answer(server: Server, path: str, body: bytes, headers: Mapping[str, str], limit: float) -> str:
    """Asks until the server answers 200, within `limit` seconds; returns what was wrong last, or nothing."""
    deadline, last = time.monotonic() + limit, "no answer"
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            return f"ended with {server.process.returncode}"
        last = _ask_once(server.port, path, body, headers)
        if not last:
            return ""
        time.sleep(0.01)
    return last


def _ask_once(port: int, path: str, body: bytes, headers: Mapping[str, str]) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, body, dict(headers))
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        return str(error)
    finally:
        connection.close()
    return "" if answer.status == 200 else f"{answer.status} {text[:200]!r}"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _parents() -> dict[int, int]:
    pids = [int(entry.name) for entry in _entries(Path("/proc")) if entry.name.isdigit()]
    stats = {pid: _read(Path(f"/proc/{pid}/stat")) for pid in pids}
    return {pid: int(stat.rsplit(")", 1)[1].split()[1]) for pid, stat in stats.items() if stat}
