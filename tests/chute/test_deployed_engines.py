"""The image with local engines, deployed from a fresh copy with no settings at all: the models answer through the
public host, and an engine that dies harms no instance (platform-contract §1, facts 5 and 6).

Rows of docs/acceptance.md: A003-19.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from openai.types.chat import ChatCompletionMessageParam

from tests.api.leaving import eventually
from tests.chute.deployment import ROOT, Deployed, copy_project, deploy
from tests.platform.process import PlatformProcess

pytestmark = [pytest.mark.chute, pytest.mark.engines]
ENGINES = ROOT / ".venv-engines" / "bin" / "python"


@pytest.fixture(scope="module")
def chute(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    if not ENGINES.exists():
        pytest.skip("the engines' environment is not installed (make engines)")
    folder = tmp_path_factory.mktemp("engines")
    platform = PlatformProcess(folder / "platform", "--engine-python", str(ENGINES))
    project = copy_project(folder / "project")
    done = deploy(project, platform, "--accept-fee", CHUTE_IMAGE="gpu")
    assert done.returncode == 0, done.stdout + done.stderr
    name = "chute-gateway"
    deployed = Deployed(platform, name, platform.get(f"/chutes/{name}")["dev_platform_url"])
    _until_ready(deployed)
    yield deployed
    assert platform.stop() == 0


def test_local_models_answer_through_the_platform(chute: Deployed) -> None:
    models = {model["id"]: model for model in chute.get("/v1/models").json()["data"]}
    assert "demo-chat" in models
    client = chute.client()
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What is chute-gateway?"}]
    whole = client.chat.completions.create(model="demo-chat", messages=messages, max_tokens=20)
    assert whole.choices[0].message.content
    parts = client.chat.completions.create(model="demo-chat", messages=messages, max_tokens=20, stream=True)
    assert "".join(part.choices[0].delta.content or "" for part in parts if part.choices)
    assert chute.failures == 0


def test_a_dead_engine_is_no_failure_of_the_instance_and_comes_back(chute: Deployed) -> None:
    body = {"model": "demo-chat", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}
    restarts = _restarts(chute)
    for child in _engine_processes(chute.instance["pid"]):
        with suppress(ProcessLookupError):  # it went with its parent
            os.kill(child, signal.SIGKILL)
    for stream in (False, True):
        for _ in range(8):
            assert chute.post("/v1/chat/completions", {**body, "stream": stream}).status_code in (200, 429)
    assert chute.failures == 0
    assert eventually(lambda: _restarts(chute) > restarts, 240), "nobody noticed"
    _until_ready(chute)
    assert eventually(lambda: chute.post("/v1/chat/completions", body).status_code == 200)
    assert chute.failures == 0


def _restarts(chute: Deployed) -> int:
    """The fewest of any engine."""
    return min(int(engine["restarts"]) for engine in chute.get("/health").json()["engines"])


def _engine_processes(parent: int) -> list[int]:
    """The processes below the instance, deepest last."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    found, wanted = [], {parent}
    while wanted:
        wanted = {pid for pid, above in pairs if above in wanted}
        found += sorted(wanted)
    return found


def _until_ready(chute: Deployed, seconds: float = 240) -> None:
    until = time.monotonic() + seconds
    engines: Any = None
    while time.monotonic() < until:
        engines = chute.get("/health").json().get("engines")
        if engines and all(engine["state"] == "ready" for engine in engines):
            return
        time.sleep(0.5)
    raise AssertionError(f"{engines}\n{_log(chute.platform.folder)}")


def _log(folder: Path) -> str:
    return "\n".join(path.read_text(errors="replace")[-3000:] for path in folder.glob("platform/instances/*/log"))
