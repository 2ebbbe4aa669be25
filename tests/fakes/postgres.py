"""A real PostgreSQL server of our own on a free loopback port, in a temporary folder, to be stopped and started."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fakes import unprivileged
from tests.fakes.ports import free_port

PASSWORD = "one-password-for-tests"
_numbers = count()


def program(name: str) -> str | None:
    """Debian keeps the server's programs in a folder a version, outside the path."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    found = shutil.which(name, path=os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")]))
    return str(Path(found).resolve()) if found else None


class Postgres:
    """`database()` makes an empty one and gives its address. `freeze` leaves it open but silent."""

    def __init__(self) -> None:
        self.folder = unprivileged.folder("postgres-")
        self.port = free_port()
        self._process: subprocess.Popen[Any] | None = None
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        command = ("initdb", "-D", "data", "-U", "gateway", "-A", "scram-sha-256", "--pwfile", "password", "-N")
        self._run(*command, "-E", "UTF8", "--no-locale")

    def start(self) -> None:
        options = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.folder}
        options |= {"fsync": "off", "max_connections": 60, "log_min_messages": "warning"}
        server = program("postgres")
        assert server is not None
        command = [server, "-D", "data", *(f"--{name}={value}" for name, value in options.items())]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self.folder, stderr=log, stdout=log, **unprivileged.account())
        self._wait()

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """SIGQUIT: at once, breaking every connection, as a crash does."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Every process of the server stands still: connections stay open, nothing answers."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        family = [self._process.pid, *map(int, children)]
        for pid in family:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def address(self, database: str, password: str = PASSWORD) -> str:
        return f"postgresql://gateway:{password}@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        name = f"gateway_{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.address(name)

    def execute(self, statement: str, database: str = "postgres") -> list[Any]:
        with psycopg.connect(self.address(database), autocommit=True, connect_timeout=30) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, name: str, *arguments: str) -> None:
        found = program(name)
        assert found is not None
        subprocess.run([found, *arguments], cwd=self.folder, check=True, capture_output=True, **unprivileged.account())

    def _wait(self) -> None:
        end = time.monotonic() + 60
        while True:
            try:
                self.execute("SELECT 1")
                return
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    if program("initdb") is None or program("postgres") is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.close()
