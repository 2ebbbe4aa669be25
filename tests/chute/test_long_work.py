"""Work that takes long, through the emulated platform: it becomes a job before the edge would cut, and is read by
paths that the platform allows. The instance must have failed at nothing."""

import base64
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.jobs import eventually
from tests.chute.deployment import CALLER_KEY, CONFIG, Deployed, copy_project, deploy, until_hot
from tests.chute.process import chutes_run
from tests.fakes.hearing import speech
from tests.fakes.upstream import Upstream
from tests.platform.process import PlatformProcess

pytestmark = pytest.mark.chute

PATH = "/v1/chat/completions"
CHAT = {"model": "gpt-x", "messages": [{"role": "user", "content": "Hello"}]}
JOBS = "\njobs: {after_at_edge: 1}\naudio: {split_seconds: 10}\n"


@pytest.fixture(scope="module")
def deployed(upstream_server: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("long")
    platform = PlatformProcess(folder / "platform")
    platform.reset()
    project = copy_project(folder / "project", CONFIG.format(url=upstream_server.url) + JOBS)
    done = deploy(project, platform, "--accept-fee")
    assert done.returncode == 0, done.stdout + done.stderr
    until_hot(platform, "chute-gateway")
    yield Deployed(platform, "chute-gateway", platform.get("/chutes/chute-gateway")["dev_platform_url"])
    assert platform.stop() == 0


@pytest.fixture
def chute(deployed: Deployed, upstream: Upstream) -> Iterator[Deployed]:
    deployed.platform.reset()
    yield deployed
    assert deployed.failures == 0


def at_once(chute: Deployed, path: str, body: Any) -> httpx.Response:
    """The answer itself: where something held it up for a second, so that it is a job, it is asked for again."""
    replies: list[httpx.Response] = []

    def is_answer() -> bool:
        replies.append(chute.post(path, body))
        kind = replies[-1].headers["content-type"]
        return not kind.startswith("application/json") or replies[-1].json().get("object") != "job"

    eventually(is_answer)
    return replies[-1]


def ended(chute: Deployed, id: str, **more: str) -> Any:
    found: list[Any] = [None]

    def has_ended() -> bool:
        found[0] = chute.post("/v1/jobs", {"id": id, **more}).json()
        return bool(found[0]["status"] != "running")

    eventually(has_ended)
    return found[0]


def refusal(reply: httpx.Response) -> Any:
    """The error object that survives the platform as text."""
    assert reply.status_code == 400, reply.text
    detail = reply.json()["detail"]
    return (json.loads(detail) if isinstance(detail, str) else detail)["error"]


def test_what_takes_long_becomes_a_job_by_itself(chute: Deployed, upstream: Upstream) -> None:
    usual, release = at_once(chute, PATH, CHAT), upstream.hold()
    upstream.faults["gpt-x"] = "held"
    reply = chute.post(PATH, CHAT)
    job = reply.json()
    assert reply.status_code == 200 and job["object"] == "job" and job["status"] == "running"
    early = refusal(chute.post("/v1/jobs/result", {"id": job["id"]}))
    assert (early["code"], early["status"]) == ("job_running", 409)
    release()
    assert ended(chute, job["id"])["status"] == "succeeded"
    assert chute.post("/v1/jobs/result", {"id": job["id"]}).content == usual.content


@pytest.mark.parametrize("where", ["body", "query"])
def test_a_caller_asks_for_a_job_by_a_field(chute: Deployed, upstream: Upstream, where: str) -> None:
    asked = {"gw_prefer": "respond-async"}
    job = chute.post(PATH, CHAT | asked).json() if where == "body" else chute.post(PATH, CHAT, params=asked).json()
    assert job["object"] == "job"
    assert ended(chute, job["id"])["status"] == "succeeded"
    assert "gw_prefer" not in upstream.last.json


def test_sounds_come_whole_through_a_job(chute: Deployed, upstream: Upstream) -> None:
    body = {"model": "voice-x", "input": "Good morning.", "voice": "nova"}
    usual = at_once(chute, "/v1/audio/speech", body)
    job = chute.post("/v1/audio/speech", body | {"gw_prefer": "respond-async"}).json()
    ended(chute, job["id"])
    result = chute.post("/v1/jobs/result", {"id": job["id"]})
    assert result.content == usual.content and result.headers["content-type"] == usual.headers["content-type"]


def test_a_long_recording_becomes_a_job_while_its_pieces_are_heard(chute: Deployed, upstream: Upstream) -> None:
    words, release = [f"w{n}" for n in range(1, 61)], upstream.hold()
    upstream.hears = True
    sound = base64.b64encode(speech(words, pause=0.4)).decode()
    job = chute.post("/v1/audio/transcriptions", {"model": "whisper-1", "audio_b64": sound}).json()
    assert job["object"] == "job" and job["status"] == "running"
    release()
    assert ended(chute, job["id"])["status"] == "succeeded"
    result = chute.post("/v1/jobs/result", {"id": job["id"]}).json()
    assert result["text"].split() == words and len(upstream.requests) == 5


def test_a_job_can_be_cancelled_and_its_slot_was_free_all_the_time(chute: Deployed, upstream: Upstream) -> None:
    upstream.script = ["hang"]
    job = chute.post(PATH, CHAT | {"gw_prefer": "respond-async"}).json()
    eventually(lambda: upstream.requests)
    chute.post("/v1/jobs/cancel", {"id": job["id"]})
    assert ended(chute, job["id"])["status"] == "cancelled"
    assert upstream.wait_disconnect()
    assert refusal(chute.post("/v1/jobs/result", {"id": job["id"]}))["code"] == "job_cancelled"


def test_jobs_are_listed_for_a_gateway_key_and_not_for_all_the_world(chute: Deployed) -> None:
    job = chute.post(PATH, CHAT | {"gw_prefer": "respond-async", "gw_key": CALLER_KEY}).json()
    ended(chute, job["id"], gw_key=CALLER_KEY)
    assert chute.get("/v1/jobs", gw_key=CALLER_KEY).json()["first_id"] == job["id"]
    assert refusal(chute.get("/v1/jobs"))["code"] == "forbidden"
    assert refusal(chute.post("/v1/jobs", {"id": job["id"]}))["code"] == "not_found", "it is the key's"


def test_sigterm_lets_a_job_of_the_chute_end(upstream: Upstream, tmp_path: Path) -> None:
    upstream.faults["gpt-x"] = "late:3"
    first = chutes_run(tmp_path, upstream.url).wait()
    reply = httpx.post(first.url + PATH, json=CHAT | {"gw_prefer": "respond-async"}, timeout=30)
    assert reply.status_code == 202, reply.text
    assert first.stop(signal.SIGTERM) in (0, -signal.SIGTERM) and "Traceback" not in first.log
    again = chutes_run(tmp_path, upstream.url).wait()
    job = httpx.post(f"{again.url}/v1/jobs", json={"id": reply.json()["id"]}, timeout=30).json()
    assert job["status"] == "succeeded", first.log
    again.stop()
