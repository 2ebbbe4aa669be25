"""A real `chutes run chute_gateway:chute --dev`, called as its users call it."""

import base64
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

from tests.api.leaving import GivenUp, eventually
from tests.chute.process import Process
from tests.fakes.media import drawing
from tests.fakes.upstream import Upstream
from tests.node.client import run_client

pytestmark = pytest.mark.chute

MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello"}]
POSTS = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/audio/transcriptions",
    "/v1/audio/translations",
    "/transcribe",
    "/v1/ocr",
    "/v1/rerank",
    "/v1/images/generations",
    "/v1/images/edits",
    "/v1/audio/speech",
    "/v1/moderations",
    "/v1/messages/count_tokens",
    "/v1/responses/input_tokens",
    "/route",
]
WAV = (
    b"RIFF$\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00"
    b"\x02\x00\x10\x00data\x00\x00\x00\x00"
)


@pytest.fixture
def client(dev: Process) -> OpenAI:
    return OpenAI(base_url=f"{dev.url}/v1", api_key="cpk_of_the_platform", max_retries=0, timeout=30)


# --- the official client --------------------------------------------------------------------------------------


def test_chat_in_both_modes(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="gpt-x", messages=MESSAGES)
    assert answer.choices[0].message.content == "Hello from the upstream."
    parts = client.chat.completions.create(model="gpt-x", messages=MESSAGES, stream=True)
    assert "".join(part.choices[0].delta.content or "" for part in parts if part.choices) == "Hello from the upstream."


def test_completions_in_both_modes(client: OpenAI) -> None:
    assert client.completions.create(model="gpt-x", prompt="Hello").choices[0].text
    assert "".join(
        p.choices[0].text for p in client.completions.create(model="gpt-x", prompt="Hello", stream=True) if p.choices
    )


def test_embeddings_and_models(client: OpenAI) -> None:
    assert len(client.embeddings.create(model="text-embed", input=["a", "b"]).data) == 2
    assert "gpt-x" in {model.id for model in client.models.list().data}


def test_transcription_by_multipart_and_by_base64(client: OpenAI, dev: Process, upstream: Upstream) -> None:
    spoken = client.audio.transcriptions.create(model="whisper-1", file=("a.wav", WAV), temperature=0.5)
    assert spoken.text
    assert WAV in upstream.last.body
    body = {"model": "whisper-1", "file_b64": base64.b64encode(WAV).decode(), "file_name": "a.wav"}
    reply = dev.post("/v1/audio/transcriptions", json={**body, "response_format": "srt"})
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith("text/plain")


def test_pictures_speech_and_ranks(client: OpenAI, dev: Process) -> None:
    painted = client.images.generate(model="paint-x", prompt="a kite").data
    assert painted and painted[0].b64_json
    image = {"image_url": f"data:image/png;base64,{base64.b64encode(drawing((8, 8), 0)).decode()}"}
    edit = {"model": "paint-x", "prompt": "a kite", "images": [image]}
    assert dev.post("/v1/images/edits", json=edit).json()["data"][0]["b64_json"]
    spoken = client.audio.speech.create(model="voice-x", input="Good morning.", voice="nova")
    assert spoken.response.headers["content-type"] == "audio/wav"
    assert spoken.content.startswith(b"RIFF") and len(spoken.content) > 1000
    body = {"model": "rank-x", "query": "blue sky", "documents": ["green grass", "a blue sky"], "top_n": 1}
    assert dev.post("/v1/rerank", json=body).json()["results"][0]["index"] == 1


@pytest.mark.node
def test_the_node_client_does_it_all(dev: Process, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(WAV)
    found = run_client(
        f"{dev.url}/v1", "cpk_x", chat="gpt-x", embedding="text-embed", transcription="whisper-1", image="paint-x",
        speech="voice-x", wav=str(tmp_path / "a.wav"), question="Hello",
    )  # fmt: skip
    assert found["chat"]["whole"] == found["chat"]["streamed"] == "Hello from the upstream."
    assert len(found["embedding"]) == 2
    assert found["transcription"] and found["image"]
    assert found["speech"]["start"] == "RIFF"
    assert found["refusal"]["status"] == 404


def test_the_warm_up_has_cords(dev: Process) -> None:
    status = dev.get("/warmup/status").json()
    assert list(status) == ["schema", "state", "phase", "progress", "elapsed_sec", "error"]
    for body in ({}, {"model": "gpt-x"}, {"stream": True}):
        kicked = dev.post("/warmup/kick", json=body)
        assert (kicked.status_code, kicked.json()["state"]) == (202, "ready")


def test_route_calls_by_name(dev: Process) -> None:
    call = {"path": "/v1/chat/completions", "model": "fake/gpt-x", "messages": MESSAGES}
    assert dev.post("/route", json=call).json()["choices"]
    streamed = dev.post("/route", json={**call, "stream": True})
    assert streamed.text.endswith("data: [DONE]\n\n")
    assert dev.post("/route", json={"path": "/api/admin/providers"}).status_code == 400


def test_the_gateway_key_is_checked_and_goes_no_further(dev: Process, upstream: Upstream) -> None:
    key = {"gw_key": dev.master_key}
    good = OpenAI(base_url=f"{dev.url}/v1", api_key="cpk_x", default_query=key, max_retries=0)
    assert good.chat.completions.create(model="gpt-x", messages=MESSAGES).choices
    assert good.chat.completions.create(model="gpt-x", messages=MESSAGES, extra_body=key).choices
    for request in upstream.requests:
        assert dev.master_key not in f"{request.path}{request.headers}{request.body!r}"
        assert request.key == "upstream-key"
    wrong = OpenAI(base_url=f"{dev.url}/v1", api_key="cpk_x", default_query={"gw_key": "sk-wrong"}, max_retries=0)
    with pytest.raises(openai.AuthenticationError, match="'gw_key' is no key of this gateway"):
        wrong.chat.completions.create(model="gpt-x", messages=MESSAGES)


# --- what nobody should be able to break ----------------------------------------------------------------------


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "body", [b"{}", b"", b"null", b"[]", b"7", b"{", b"\xff\xfe{\x00}\x00", b'{"a":NaN}', b"[" * 9999]
)
def test_bad_bodies_are_400_in_the_openai_shape(dev: Process, path: str, body: bytes) -> None:
    reply = dev.post(path, content=body)
    assert reply.status_code == 400, reply.text
    assert set(reply.json()["error"]) >= {"message", "type", "param", "code"}


@pytest.mark.parametrize("path", POSTS)
def test_stream_true_everywhere(dev: Process, path: str) -> None:
    audio = {"audio_b64": base64.b64encode(WAV).decode(), "model": "whisper-1"}
    bodies: dict[str, Any] = {
        "/v1/chat/completions": {"model": "gpt-x", "messages": MESSAGES},
        "/v1/completions": {"model": "gpt-x", "prompt": "x"},
        "/v1/embeddings": {"model": "text-embed", "input": "x"},
        "/v1/ocr": {"model": "page-reader", "image_b64": "eA=="},
        "/v1/rerank": {"model": "rank-x", "query": "a", "documents": ["a"]},
        "/v1/images/generations": {"model": "paint-x", "prompt": "x"},
        "/v1/images/edits": {"model": "paint-x", "prompt": "x", "images": ["iVBORw0KGgo="]},
        "/v1/audio/speech": {"model": "voice-x", "input": "x", "voice": "nova"},
        "/v1/moderations": {"model": "judge-x", "input": "x"},
        "/v1/messages/count_tokens": {"model": "gpt-x", "messages": MESSAGES},
        "/v1/responses/input_tokens": {"model": "gpt-x", "input": "x"},
        "/route": {"path": "/v1/completions", "model": "gpt-x", "prompt": "x"},
    }
    reply = dev.post(path, json={**bodies.get(path, audio), "stream": True})
    assert reply.status_code in (200, 400), reply.text


RUNTIME = ["_procs", "_slurp", "_connectivity", "_ping", "_token", "_metrics", "_netconns", "_dump", "_eslurp", "_maps"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", RUNTIME)
@pytest.mark.parametrize("spelling", ["/{}", "/%5f{}", "//{}", "/{}/", "/./{}", "/x/../{}", "/{}?x=1"])
def test_the_runtime_s_own_routes_are_shut(dev: Process, method: str, name: str, spelling: str) -> None:
    path = spelling.format(name.removeprefix("_") if "%5f" in spelling else name)
    reply = raw(dev, f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}")
    assert reply.startswith(b"HTTP/1.1 404") or b" 307 " not in reply.splitlines()[0]
    assert reply.split(b" ", 2)[1] in (b"404", b"405"), reply


SMUGGLED = "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "lengths",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Content-Length: 5\r\nContent-Length: 6",
    ],
)
def test_a_request_with_two_lengths_is_refused_and_nothing_runs_behind_it(dev: Process, lengths: str) -> None:
    head = f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n{lengths}\r\n\r\n"
    reply = raw(dev, f"{head}0\r\n\r\n{SMUGGLED}")
    assert reply.count(b"HTTP/1.1 ") == 1, reply
    assert reply.split(b" ", 2)[1] in (b"400", b"501"), reply


@pytest.mark.parametrize(
    "header",
    ["Host: evil.example", "Host: localhost\r\nOrigin: https://evil.example", "Host: localhost\r\nOrigin: null"],
)
def test_a_web_page_cannot_use_the_open_door(dev: Process, header: str) -> None:
    reply = raw(dev, f"POST /v1/completions HTTP/1.1\r\n{header}\r\nContent-Length: 2\r\n\r\n{{}}")
    assert reply.startswith(b"HTTP/1.1 403"), reply


def test_another_address_is_refused_although_the_sdk_listens_there(dev: Process) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # no packet is sent
        except OSError:
            pytest.skip("this machine has only loopback")
        own = probe.getsockname()[0]
    if own.startswith("127."):
        pytest.skip("this machine has only loopback")
    reply = httpx.get(f"http://{own}:{dev.port}/v1/models", trust_env=False, timeout=60)
    assert reply.status_code == 403
    assert reply.json()["error"]["code"] == "remote_client"


def test_upstream_faults_keep_their_true_status(dev: Process) -> None:
    for fault, status in (("401", 502), ("404", 404), ("429", 429), ("500", 502), ("503", 503)):
        body = {"model": f"fake/fault:{fault}", "messages": MESSAGES}
        reply = dev.post("/v1/chat/completions", json=body)
        assert reply.status_code == status, (fault, reply.text)


# --- clients that leave ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("events", [0, 1, 5])
def test_clients_dropped_in_mid_stream_leave_it_serving(dev: Process, upstream: Upstream, events: int) -> None:
    upstream.tokens = 10_000
    upstream.faults["gpt-x"] = "slow:0.02"

    def drop(_: int) -> None:
        body = {"model": "gpt-x", "messages": MESSAGES, "stream": True}
        with httpx.stream("POST", f"{dev.url}/v1/chat/completions", json=body, timeout=60) as reply:
            lines = (line for line in reply.iter_lines() if line)
            for _ in range(events):
                next(lines)

    dev.get("/v1/models")
    before = dev.descriptors()
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(drop, range(20)))
    assert eventually(lambda: upstream.open_streams == 0), f"{upstream.open_streams} streams still open"
    upstream.reset()
    reply = dev.post("/v1/chat/completions", json={"model": "gpt-x", "messages": MESSAGES})
    assert reply.status_code == 200
    assert eventually(lambda: dev.descriptors() <= before + 3), f"{before} -> {dev.descriptors()} descriptors"


def test_over_http2_as_the_platform_calls(dev: Process, upstream: Upstream) -> None:
    body = {"model": "gpt-x", "messages": MESSAGES, "stream": True}
    with httpx.Client(http1=False, http2=True, timeout=60) as client:
        assert client.post(f"{dev.url}/v1/chat/completions", json=body).text.endswith("data: [DONE]\n\n")
    upstream.tokens, upstream.faults["gpt-x"] = 10_000, "slow:0.02"
    for _ in range(5):
        client = httpx.Client(http1=False, http2=True, timeout=60)
        with client, client.stream("POST", f"{dev.url}/v1/chat/completions", json=body) as reply:
            assert reply.http_version == "HTTP/2"
            next(reply.iter_lines())
    assert eventually(lambda: upstream.open_streams == 0)


def test_a_client_that_leaves_while_the_upstream_is_silent(dev: Process, upstream: Upstream) -> None:
    upstream.faults["gpt-x"] = "hang"
    body = {"model": "gpt-x", "messages": MESSAGES}
    with httpx.Client(base_url=dev.url) as http, GivenUp(http, "/v1/chat/completions", json=body) as call:
        assert eventually(lambda: upstream.requests)
        call.leave()
        assert upstream.wait_disconnect()


def raw(process: Process, request: str) -> bytes:
    """What the server sends until it closes, or is silent for half a second behind its first word."""
    with socket.create_connection(("127.0.0.1", process.port), timeout=60) as sock:
        sock.sendall(request.encode())
        received = b""
        try:
            while part := sock.recv(65536):
                received += part
                sock.settimeout(0.5)
        except (TimeoutError, ConnectionResetError):
            pass
        return received


def test_an_error_says_what_it_is_about(dev: Process) -> None:
    reply = dev.post("/v1/completions", content=b"{")
    assert json.loads(reply.content)["error"]["code"] == "invalid_json"
