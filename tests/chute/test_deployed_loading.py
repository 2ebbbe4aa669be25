"""A deployed chute whose engines take long to load, or fail: models elsewhere answer from the first second, the warm-up
tells how far it is, and a kick starts again what has failed."""

import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.leaving import eventually
from tests.chute.deployment import CONFIG, ROOT, Deployed, copy_project, deploy, logs
from tests.fakes.upstream import Upstream
from tests.platform.process import PlatformProcess

pytestmark = pytest.mark.chute

INTERPRETER = """#!{python}
# An engines' interpreter with every module. Its chat engine downloads for ever; its OCR engine fails the first time.
import json, os, sys

if sys.argv[1] == "-c":
    print(json.dumps({{"modules": sys.argv[3:], "torch": "2.0+cpu"}}))
    sys.exit()
if "--" in sys.argv:  # the guard, which starts the engine behind it
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
options = dict(zip(sys.argv[1:], sys.argv[2:]))
wishes = ["slow=3600", 'say=@@engine {{"phase": "downloading", "percent": 40}}']
if options["--kind"] == "ocr":
    wishes = [] if os.path.exists({mark!r}) else ['say=@@engine {{"error": "no such model"}}', "exit=78"]
    open({mark!r}, "w").close()
os.execv({python!r}, [{python!r}, {engine!r}, options["--port"], *wishes])
"""


@pytest.fixture(scope="module")
def chute(upstream_server: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("loading")
    interpreter = folder / "python"
    interpreter.write_text(
        INTERPRETER.format(
            python=sys.executable, engine=str(ROOT / "tests" / "fakes" / "engine.py"), mark=str(folder / "failed-once")
        )
    )
    interpreter.chmod(0o755)
    platform = PlatformProcess(folder / "platform", "--engine-python", str(interpreter))
    project = copy_project(folder / "project", CONFIG.format(url=upstream_server.url) + "engine_wait: 0.2\n")
    done = deploy(project, platform, "--accept-fee", CHUTE_IMAGE="gpu", ENGINES="chat,ocr")
    assert done.returncode == 0, done.stdout + done.stderr
    yield Deployed(platform, "chute-gateway", platform.get("/chutes/chute-gateway")["dev_platform_url"])
    assert platform.stop() == 0


def status(chute: Deployed) -> dict[str, Any]:
    found: dict[str, Any] = chute.get("/warmup/status").json()
    return found


def engines(chute: Deployed) -> dict[str, str]:
    return {engine["name"]: engine["state"] for engine in chute.get("/health").json()["engines"]}


def until(chute: Deployed, wanted: dict[str, str], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while (found := engines(chute)) != wanted:
        assert time.monotonic() < end, f"{found}\n{logs(chute.platform)}"
        time.sleep(0.2)


def test_models_elsewhere_answer_while_engines_load(chute: Deployed, upstream: Upstream) -> None:
    assert eventually(lambda: engines(chute)["chat"] == "loading")
    client = chute.client()
    messages: Any = [{"role": "user", "content": "Hello"}]
    assert client.chat.completions.create(model="gpt-x", messages=messages).choices[0].message.content
    parts = client.chat.completions.create(model="gpt-x", messages=messages, stream=True)
    assert "".join(part.choices[0].delta.content or "" for part in parts if part.choices)
    assert client.embeddings.create(model="text-embed", input="x").data
    assert (engines(chute)["chat"], chute.failures) == ("loading", 0)


def test_a_model_that_loads_is_no_failure_of_the_instance(chute: Deployed) -> None:
    body = {"model": "demo-chat", "messages": [{"role": "user", "content": "Hello"}]}
    assert chute.post("/v1/chat/completions", body).status_code == 429
    streamed = chute.post("/v1/chat/completions", {**body, "stream": True})
    assert "demo-chat" in streamed.text and "[DONE]" not in streamed.text
    assert chute.failures == 0


def test_the_warm_up_tells_how_far_it_is_and_a_kick_starts_what_failed(chute: Deployed) -> None:
    until(chute, {"chat": "loading", "ocr": "failed"})
    before = status(chute)
    assert (before["state"], before["error"]) == ("loading", "ocr: no such model")
    kicked = chute.post("/warmup/kick", {"model": "rapidocr"})
    assert (kicked.status_code, kicked.json()["schema"]) == (200, "chutes.warmup.status.v1")
    until(chute, {"chat": "loading", "ocr": "ready"})
    assert eventually(lambda: status(chute)["phase"] == "downloading"), status(chute)
    after = status(chute)
    assert (after["state"], after["phase"], after["error"]) == ("loading", "downloading", None)
    assert after["progress"] == pytest.approx((0.2 + 1) / 2)
    assert after["elapsed_sec"] > 0
    assert chute.failures == 0
