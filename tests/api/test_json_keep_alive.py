"""Spaces before a JSON answer that takes long: only where they are set, only before JSON, and what they cost."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.jobs import ANNA, CHAT, chat, ended, eventually, rows, running
from tests.api.running import RunningGateway
from tests.api.test_jobs import Caller, posted
from tests.fakes.upstream import Upstream

SPEECH = {"model": "tts-1", "input": "hello", "voice": "alloy"}
WHISPER = {"model": "whisper-1", "file_b64": "UklGRiQAAABXQVZF"}


@pytest.fixture(params=[True, False], ids=["direct", "asgi"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream) -> Iterator[RunningGateway]:
    served = running(tmp_path, upstream, direct=request.param, json_keep_alive=0.1)
    yield served
    served.stop()


@pytest.fixture(params=[True, False], ids=["direct", "asgi"])
def patient(request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream) -> Iterator[RunningGateway]:
    """No answer takes so long that it has spaces."""
    served = running(tmp_path, upstream, direct=request.param, json_keep_alive=600)
    yield served
    served.stop()


def padded_answer(http: httpx.Client, path: str, body: dict[str, Any], release: Callable[[], None]) -> httpx.Response:
    """What is answered only once two spaces have come."""
    with http.stream("POST", path, json=body) as reply:
        pieces = reply.iter_raw()
        content = b""
        while len(content) < 2:
            content += next(pieces)
        release()
        content += b"".join(pieces)
    return httpx.Response(reply.status_code, headers=reply.headers, content=content)


def test_a_caller_who_waits_gets_spaces_and_then_the_same_json(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.script, release = ["held"], upstream.hold()
    with gateway.http(ANNA) as http:
        slow = padded_answer(http, CHAT, chat(), release)
        assert slow.content.startswith(b"  ") and slow.json()["choices"][0]["message"]["content"] == upstream.text
        assert slow.status_code == 200 and slow.headers["content-type"] == "application/json"
        assert slow.headers["transfer-encoding"] == "chunked" and slow.headers["x-request-id"]
        assert "x-gateway-provider" not in slow.headers
        again = http.post(CHAT, json=chat())
        assert again.content.lstrip(b" ") == slow.content.lstrip(b" "), "the connection goes on"


def test_what_is_quick_is_as_ever(patient: RunningGateway, upstream: Upstream) -> None:
    with patient.http(ANNA) as http:
        usual = http.post(CHAT, json=chat())
        assert usual.content.startswith(b"{") and "content-length" in usual.headers
        assert "x-gateway-provider" in usual.headers
        upstream.faults["gpt-x"] = "500"
        assert http.post(CHAT, json=chat()).status_code == 502
        assert http.post(CHAT, json=chat("nobody")).status_code == 404


def test_an_error_behind_spaces_is_an_error_object_with_the_status_200(tmp_path: Path, upstream: Upstream) -> None:
    main = {"base_url": upstream.url, "max_retries": 0, "timeout": 2, "models": ["gpt-x"]}
    gateway = RunningGateway(tmp_path, providers={"main": main}, json_keep_alive=0.1)
    upstream.faults["gpt-x"] = "hang"
    with gateway.http() as http:
        reply = http.post(CHAT, json=chat())
        assert reply.status_code == 200 and reply.content.startswith(b" ")
        assert reply.json()["error"]["code"] == "upstream_timeout"
        eventually(lambda: [(row["status"], row["error_code"]) for row in rows(http)] == [(504, "upstream_timeout")])
    gateway.stop()


@pytest.mark.parametrize(
    ("path", "body", "padded"),
    [
        ("/v1/audio/speech", SPEECH, False),
        ("/v1/audio/transcriptions", WHISPER | {"response_format": "srt"}, False),
        ("/v1/audio/transcriptions", WHISPER | {"response_format": "verbose_json"}, True),
        ("/transcribe", {"model": "whisper-1", "audio_b64": "UklGRiQAAABXQVZF"}, True),
        (CHAT, chat(stream=True), False),
    ],
)
def test_nothing_but_json_gets_spaces(
    gateway: RunningGateway, upstream: Upstream, path: str, body: dict[str, Any], padded: bool
) -> None:
    upstream.script, release = ["held"], upstream.hold()
    with gateway.http(ANNA) as http:
        if padded:
            reply = padded_answer(http, path, body, release)
        else:
            threading.Timer(0.5, release).start()
            reply = http.post(path, json=body)
    assert reply.status_code == 200 and reply.content.startswith(b" ") is padded
    assert not padded or json.loads(reply.content)


def test_who_leaves_while_spaces_come_ends_the_work(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.faults["gpt-x"] = "hang"
    caller = Caller(gateway, "return=minimal")
    caller.read_until(b"1\r\n \r\n")
    eventually(lambda: posted(upstream) == 1)
    caller.leave()
    assert upstream.wait_disconnect()


def test_who_prefers_a_job_gets_no_spaces_and_the_status_202(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.script, release = ["held"], upstream.hold()
    with gateway.http(ANNA) as http:
        reply = http.post(CHAT, json=chat(), headers={"prefer": "respond-async, wait=1"})
        assert reply.status_code == 202 and reply.content.startswith(b"{")
        release()
        assert ended(http, reply.json()["id"])["status"] == "succeeded"


def test_a_job_behind_spaces_is_told_with_the_status_200(tmp_path: Path, upstream: Upstream) -> None:
    gateway = running(tmp_path, upstream, json_keep_alive=0.1, jobs={"after": 2})
    upstream.script, release = ["held"], upstream.hold()
    with gateway.http(ANNA) as http:
        reply = http.post(CHAT, json=chat())
        assert reply.status_code == 200 and reply.content.startswith(b" ") and reply.json()["object"] == "job"
        release()
        assert ended(http, reply.json()["id"])["status"] == "succeeded"
    gateway.stop()


def test_openais_client_reads_it(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.script = ["late:0.5"]
    with gateway.client(ANNA) as client:
        reply = client.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": "hello"}])
    assert reply.choices[0].message.content == upstream.text
