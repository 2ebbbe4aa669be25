"""Real `gateway serve` processes, which may be killed, and clients that know what was acknowledged."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.chute.process import KEPT, ROOT
from tests.fakes.ports import free_port

MASTER = "sk-master-0123456789abcdef"
SERVE = [sys.executable, "-m", "gateway", "serve"]


class Served:
    """`gateway serve` on a port of its own with STATE_DIR in `folder`; it can be started again after its end."""

    def __init__(self, folder: Path, *, yaml: str = "", prefix: list[str] | None = None, **environment: str) -> None:
        self.folder, self.state = folder, folder / "state"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "gateway.yaml"
        config.write_text(yaml)
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        given = {"GATEWAY_CONFIG": config, "STATE_DIR": self.state, "PORT": self.port, "ALLOW_PRIVATE_UPSTREAMS": "1"}
        given |= {"MASTER_API_KEY": MASTER, "LOG_FORMAT": "json"}
        self._environment = kept | {name: str(value) for name, value in given.items()} | environment
        self._command = [*(prefix or []), *SERVE]
        self.child: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 240) -> float:
        """Returns when it answers; how long that took."""
        began = time.monotonic()
        with (self.folder / "log").open("ab") as log:
            self.child = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )
        while True:
            assert self.child.poll() is None, self.log
            if time.monotonic() - began > seconds:
                self.kill()
                raise AssertionError(self.log)
            try:
                if httpx.get(f"{self.url}/ready", timeout=5).status_code == 200:
                    return time.monotonic() - began
            except httpx.TransportError:
                time.sleep(0.05)

    def __enter__(self) -> "Served":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def kill(self) -> None:
        assert self.child
        self.child.kill()
        self.child.wait(20)

    def stop(self, number: int = signal.SIGTERM, seconds: float = 120) -> float:
        """How long it took to end."""
        began = time.monotonic()
        if self.child and self.child.poll() is None:
            self.child.send_signal(number)
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        return time.monotonic() - began

    def children(self) -> list[int]:
        assert self.child
        return [int(pid) for pid in Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text().split()]

    def http(self, key: str | None = MASTER, **options: Any) -> httpx.Client:
        """Each call on a connection of its own, so that it may meet any worker."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        limits = httpx.Limits(max_keepalive_connections=0)
        return httpx.Client(base_url=self.url, headers=headers, timeout=120, limits=limits, verify=False, **options)

    def chat(self, key: str = MASTER, model: str = "gpt-x", **more: Any) -> httpx.Response:
        with self.http(key) as client:
            return client.post("/v1/chat/completions", json=chat_body(model, **more))


def chat_body(model: str = "gpt-x", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 10} | more


def provider_yaml(url: str, models: list[Any] | None = None, **more: Any) -> str:
    """A configuration with one provider; JSON is YAML."""
    main = {"base_url": url, "api_key": "sk-upstream-0123456789", "type": "openai", "models": models or ["gpt-x"]}
    return json.dumps({"providers": {"main": main}, **more})


def eventually(true: Callable[[], Any], seconds: float = 60) -> float:
    """How long it took to come true."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, "it never came to be"
        time.sleep(0.02)
    return time.monotonic() - began


def usage_rows(client: httpx.Client, **wanted: str) -> list[Mapping[str, Any]]:
    """All rows of requests, page by page; none while the database is away."""
    rows: list[Mapping[str, Any]] = []
    while True:
        answer = client.get("/api/admin/requests", params={"limit": 200, "offset": len(rows), **wanted})
        if answer.status_code == 503:
            return []
        page = answer.json()
        rows += page["data"]
        if len(rows) >= page["total"] or not page["data"]:
            return rows
