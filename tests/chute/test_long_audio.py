"""Long recordings through a real `chutes run --dev`: parted behind every path that takes sound, and as jobs."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.jobs import eventually
from tests.chute.process import Process, chutes_run
from tests.fakes.answers import form_file
from tests.fakes.hearing import samples_of, speech
from tests.fakes.upstream import Upstream

pytestmark = pytest.mark.chute

WORDS = [f"w{n}" for n in range(1, 61)]
SPOKEN = {"model": "whisper-1", "audio_b64": base64.b64encode(speech(WORDS, pause=0.4)).decode()}
"""42 seconds."""
PATH = "/v1/audio/transcriptions"


@pytest.fixture(scope="module")
def parting(upstream_server: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    process = chutes_run(tmp_path_factory.mktemp("parting"), upstream_server.url, AUDIO_SPLIT_SECONDS="10").wait()
    yield process
    process.stop()


@pytest.fixture
def http(parting: Process, upstream: Upstream) -> Iterator[httpx.Client]:
    upstream.hears = True
    with httpx.Client(base_url=parting.url, timeout=60) as client:
        yield client
    assert len(upstream.requests) == 5, "in pieces"
    assert all(len(samples_of(form_file(request))) <= 160_000 for request in upstream.requests)


@pytest.mark.parametrize("path", [PATH, "/transcribe", "/route"])
def test_every_path_that_takes_sound_parts_it(http: httpx.Client, path: str) -> None:
    routed = {"path": PATH} if path == "/route" else {}
    reply = http.post(path, json=SPOKEN | routed)
    assert reply.status_code == 200, reply.text
    said: Any = reply.json()
    text = " ".join(segment["text"] for segment in said) if path == "/transcribe" else said["text"]
    assert text.split() == WORDS


@pytest.mark.parametrize("path", [PATH, "/route"])
def test_a_stream_of_it(http: httpx.Client, path: str) -> None:
    reply = http.post(path, json=SPOKEN | ({"path": PATH} if path == "/route" else {}) | {"stream": True})
    events = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: {")]
    assert events[-1]["type"] == "transcript.text.done" and events[-1]["text"].split() == WORDS
    assert "".join(event["delta"] for event in events[:-1]) == events[-1]["text"]


@pytest.mark.parametrize("path", [PATH, "/route"])
def test_a_job_of_it(http: httpx.Client, path: str) -> None:
    body = SPOKEN | ({"path": PATH} if path == "/route" else {}) | {"gw_prefer": "respond-async"}
    job = http.post(path, json=body)
    assert job.status_code == 202, job.text
    which = {"id": job.json()["id"]}
    eventually(lambda: http.post("/v1/jobs", json=which).json()["status"] == "succeeded")
    assert http.post("/v1/jobs/result", json=which).json()["text"].split() == WORDS
