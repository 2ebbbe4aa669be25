"""The whole product with its real local engines, through both doors: `run_local` and `chutes run --dev`."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import openai
import pytest

from tests.chute.process import ROOT, Process, chutes_run, run_local
from tests.fakes.upstream import Upstream

SPEECH = ROOT / "tests" / "data" / "speech"


@dataclass(frozen=True)
class Door:
    """`key` is what the client sends; through the chute's door it does not matter, since the platform knows the caller.
    Files travel as multipart only through `run_local`."""

    name: str
    process: Process
    key: str

    @property
    def files_as_json(self) -> bool:
        return self.name == "chute"

    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.process.url}/v1", api_key=self.key, max_retries=0, timeout=60)

    def post(self, path: str, **request: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.key}"}
        return httpx.post(f"{self.process.url}{path}", headers=headers, timeout=60, **request)


@pytest.fixture(scope="package", params=["local", "chute"])
def door(
    request: pytest.FixtureRequest, upstream_server: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door]:
    _need_engines()
    start = run_local if request.param == "local" else chutes_run
    process = start(tmp_path_factory.mktemp(request.param), upstream_server.url, ENGINES="auto").wait()
    try:
        _wait_engines(process)
        key = process.master_key if request.param == "local" else "cpk_of_the_platform"
        yield Door(request.param, process, key)
    finally:
        process.stop()


def _need_engines() -> None:
    if not (ROOT / ".venv-engines" / "bin" / "python").exists():
        pytest.skip("the engines' environment is not installed (make engines)")


def _wait_engines(process: Process, seconds: float = 300) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        engines = process.get("/health").json()["engines"]
        if engines and all(engine["state"] == "ready" for engine in engines):
            return
        assert not [engine for engine in engines if engine["state"] == "failed"], engines
        time.sleep(0.5)
    raise AssertionError(f"the engines were not ready after {seconds} s:\n{process.log}")
