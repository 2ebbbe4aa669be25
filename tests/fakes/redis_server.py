"""A real Redis of our own on a free loopback port, which keeps nothing on disk, to be stopped and started."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.fakes import unprivileged
from tests.fakes.ports import free_port


class RedisServer:
    """`url` is for REDIS_URL. It forgets everything when it stops."""

    def __init__(self) -> None:
        self.folder = unprivileged.folder("redis-")
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = {"bind": "127.0.0.1", "port": self.port, "save": "", "appendonly": "no", "dir": self.folder}
        command = ["redis-server", *(word for name, value in options.items() for word in (f"--{name}", str(value)))]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, **unprivileged.account())
        end = time.monotonic() + 60
        while self.ask("PING") != b"+PONG\r\n":
            assert time.monotonic() < end, (self.folder / "log").read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        """At once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            self._process = None

    def freeze(self) -> None:
        """Connections stay open, nothing answers, until `thaw`."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def ask(self, command: str) -> bytes:
        """One command and the beginning of its answer; empty where nobody listens."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=20) as line:
                line.sendall(command.encode() + b"\r\n")
                return line.recv(65536)
        except OSError:
            return b""

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_process() -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None:
        pytest.skip("Redis is not installed (apt-get install redis-server)")
    server = RedisServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def redis_server(redis_process: RedisServer) -> RedisServer:
    """The session's server, running and empty."""
    if not redis_process.ask("PING"):
        redis_process.start()
    redis_process.ask("FLUSHALL")
    return redis_process
