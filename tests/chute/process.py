"""Real processes for the chute's tests: `chutes run chute_gateway:chute --dev` and `python chute_gateway.py`."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.fakes.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE")
"""What a process keeps of the environment of the tests."""
CONFIG = """
providers:
  fake:
    type: openai
    base_url: "{url}"
    api_key: "upstream-key"
    models:
      - gpt-x
      - {{id: text-embed, type: embedding}}
      - {{id: whisper-1, type: transcription}}
      - {{id: page-reader, type: ocr}}
      - {{id: rank-x, type: rerank}}
      - {{id: judge-x, type: moderation}}
      - {{id: paint-x, type: image}}
      - {{id: voice-x, type: speech}}
"""


def hears_interrupts() -> None:
    """For a child: Ctrl-C reaches it also where the tests run in the background, in which shells have it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Process:
    """A gateway in a process of its own, answering at `url`. `upstream` is the base URL of its one provider."""

    def __init__(self, command: Sequence[str], port: int, folder: Path, upstream: str, **environment: str) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "gateway.yaml"
        config.write_text(CONFIG.format(url=upstream))
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        given = {
            "ENGINES": "off",
            "GATEWAY_CONFIG": str(config),
            "STATE_DIR": str(folder / "state"),
            "ALLOW_PRIVATE_UPSTREAMS": "1",
        }
        self._log = (folder / "log").open("wb")
        self.child = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**kept, **given, **environment},
            stdout=self._log,
            stderr=subprocess.STDOUT,
            preexec_fn=hears_interrupts,
        )

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    @property
    def master_key(self) -> str:
        return (self.folder / "state" / "master_key").read_text().strip()

    def wait(self, seconds: float = 300) -> "Process":
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert self.child.poll() is None, self.log
            try:
                httpx.get(f"{self.url}/v1/models", timeout=5)
                return self
            except httpx.TransportError:
                time.sleep(0.2)
        raise AssertionError(f"not up after {seconds} s:\n{self.log}")

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(self.url + path, **{"timeout": 60, **options})

    def post(self, path: str, **options: Any) -> httpx.Response:
        return httpx.post(self.url + path, **{"timeout": 60, **options})

    def stop(self, number: int = signal.SIGTERM, seconds: float = 120) -> int:
        """The exit code."""
        if self.child.poll() is None:
            self.child.send_signal(number)
        try:
            return self.child.wait(seconds)
        finally:
            self.child.kill()
            self._log.close()

    def memory_mb(self) -> float:
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1024

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.child.pid}/fd").iterdir()))


def chutes_run(folder: Path, upstream: str, *options: str, **environment: str) -> Process:
    """`chutes run --dev` as the platform's own documentation starts it, not yet waited for."""
    port = free_port()
    command = [
        str(Path(sys.executable).with_name("chutes")),
        "run",
        "chute_gateway:chute",
        "--dev",
        "--port",
        str(port),
    ]
    command += ["--logging-port", str(free_port()), *options]
    return Process(command, port, folder, upstream, CHUTES_EXECUTION_CONTEXT="REMOTE", **environment)


def run_local(folder: Path, upstream: str, *options: str, **environment: str) -> Process:
    """`python chute_gateway.py`, not yet waited for."""
    port = free_port()
    command = [sys.executable, "chute_gateway.py", "--port", str(port), *options]
    return Process(command, port, folder, upstream, **environment)
