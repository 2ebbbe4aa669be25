"""`gateway serve` in a process of its own, as a new user starts it: killed, started again, read from its console."""

import re
import signal
import sys
import time
from pathlib import Path

import httpx

from tests.chute.process import Process
from tests.fakes.ports import free_port


class Served:
    """One state folder and one port, over as many processes as a test starts."""

    def __init__(self, folder: Path, config: str = "", **environment: str) -> None:
        self._folder, self._environment = folder, environment
        self._config = folder / "own.yaml"
        self._config.write_text(config)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.state = folder / "state"
        self.process = self._start()

    def _start(self) -> Process:
        command = [sys.executable, "-m", "gateway", "serve"]
        given = {"PORT": str(self.port), "GATEWAY_CONFIG": str(self._config), **self._environment}
        return Process(command, self.port, self._folder, "http://127.0.0.1:9", **given)

    def wait(self) -> "Served":
        self.process.wait()
        return self

    def restart(self) -> None:
        """SIGTERM, then a new process on the same port with the same state folder."""
        self.stop()
        self.start()

    def start(self) -> None:
        self.process = self._start()
        self.wait()

    def stop(self) -> int:
        return self.process.stop(signal.SIGTERM)

    @property
    def console(self) -> str:
        return self.process.log

    def setup_link(self, seconds: float = 300) -> str:
        """As it stands on the console, once it does: engines are waited for before it is printed."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if found := re.search(r"http://\S+/ui/setup#token=\S+", self.console):
                return found[0]
            assert self.process.child.poll() is None, self.console
            time.sleep(0.1)
        raise AssertionError(f"no link was printed:\n{self.console}")

    def http(self, key: str | None = None) -> httpx.Client:
        """With the master key unless another is given."""
        headers = {"authorization": f"Bearer {key or self.process.master_key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)
