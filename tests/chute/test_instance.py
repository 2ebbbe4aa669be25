"""The deployed chute, called as its callers call it: through the emulated platform, on an instance without dev mode.

Every way of failing is tried, and at the end the platform must have counted no failure of the instance (A003-07).
"""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.api.leaving import GivenUp, eventually
from tests.api.test_files import picture
from tests.chute.deployment import CALLER_KEY, CONFIG, Deployed, copy_project, deploy, until_hot
from tests.chute.test_dev import POSTS, WAV
from tests.fakes.upstream import Upstream
from tests.node.client import run_client
from tests.platform.process import BEARER, KEY, PlatformProcess

pytestmark = pytest.mark.chute

MESSAGES = [{"role": "user", "content": "Hello"}]
CHAT = {"model": "gpt-x", "messages": MESSAGES}
SAID = "Hello from the upstream."
CONCURRENCY = 32
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": {"model": "gpt-x", "prompt": "x"},
    "/v1/embeddings": {"model": "text-embed", "input": "x"},
    "/v1/audio/transcriptions": {"model": "whisper-1", "file_b64": base64.b64encode(WAV).decode()},
    "/v1/audio/translations": {"model": "whisper-1", "file_b64": base64.b64encode(WAV).decode()},
    "/transcribe": {"audio_b64": base64.b64encode(WAV).decode(), "model": "whisper-1"},
    "/v1/ocr": {"model": "page-reader", "image_b64": base64.b64encode(picture()).decode()},
    "/v1/rerank": {"model": "rank-x", "query": "blue sky", "documents": ["green grass", "a blue sky"]},
    "/v1/images/generations": {"model": "paint-x", "prompt": "a kite"},
    "/v1/images/edits": {"model": "paint-x", "prompt": "a hat", "images": [base64.b64encode(picture()).decode()]},
    "/v1/audio/speech": {"model": "voice-x", "input": "Good morning.", "voice": "nova"},
    "/v1/moderations": {"model": "judge-x", "input": "Good morning."},
    "/v1/messages/count_tokens": CHAT,
    "/v1/responses/input_tokens": {"model": "gpt-x", "input": "Hi"},
    "/route": {"path": "/v1/completions", "model": "gpt-x", "prompt": "x"},
}


@pytest.fixture(scope="module")
def deployment(
    upstream_server: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[PlatformProcess, Deployed]]:
    folder = tmp_path_factory.mktemp("instance")
    platform = PlatformProcess(folder / "platform")
    platform.reset()
    project = copy_project(folder / "project", CONFIG.format(url=upstream_server.url))
    done = deploy(project, platform, "--accept-fee", CHUTE_CONCURRENCY=str(CONCURRENCY))
    assert done.returncode == 0, done.stdout + done.stderr
    yield platform, Deployed(platform, "chute-gateway", platform.get("/chutes/chute-gateway")["dev_platform_url"])
    assert platform.stop() == 0


@pytest.fixture
def chute(deployment: tuple[PlatformProcess, Deployed], upstream: Upstream) -> Iterator[Deployed]:
    """Whatever a test does, the instance must be as good as before."""
    platform, deployed = deployment
    platform.reset()
    pid = deployed.instance["pid"]
    yield deployed
    upstream.reset()
    assert deployed.post("/v1/chat/completions", CHAT).status_code == 200
    assert (deployed.failures, deployed.instance["pid"]) == (0, pid)


# --- the official clients ------------------------------------------------------------------------------------


def test_the_python_client_does_it_all(chute: Deployed) -> None:
    client = chute.client()
    assert client.chat.completions.create(**CHAT).choices[0].message.content == SAID  # type: ignore[call-overload]
    parts = client.chat.completions.create(**CHAT, stream=True)  # type: ignore[call-overload]
    assert "".join(part.choices[0].delta.content or "" for part in parts if part.choices) == SAID
    assert client.completions.create(model="gpt-x", prompt="x").choices[0].text
    assert list(client.completions.create(model="gpt-x", prompt="x", stream=True))
    assert len(client.embeddings.create(model="text-embed", input=["a", "b"]).data) == 2
    assert "gpt-x" in {model.id for model in client.models.list().data}
    pictures = client.images.generate(model="paint-x", prompt="a kite", n=2, size="64x64").data or []
    assert [base64.b64decode(one.b64_json or "")[:4] for one in pictures] == [b"\x89PNG"] * 2
    spoken = client.audio.speech.create(model="voice-x", input="Good morning.", voice="nova")
    assert spoken.response.headers["content-type"] == "audio/wav"
    assert spoken.content.startswith(b"RIFF") and len(spoken.content) > 1000


@pytest.mark.node
def test_the_node_client_does_it_all(chute: Deployed, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(WAV)
    found = run_client(
        f"{chute.url}/v1", KEY, chat="gpt-x", embedding="text-embed", transcription="whisper-1", json=True,
        wav=str(tmp_path / "a.wav"), question="Hello", query={}, image="paint-x", speech="voice-x",
    )  # fmt: skip
    assert found["chat"]["whole"] == found["chat"]["streamed"] == SAID
    assert len(found["embedding"]) == 2
    assert found["transcription"]
    assert base64.b64decode(found["image"]).startswith(b"\x89PNG")
    assert found["speech"]["type"] == "audio/wav"
    assert found["speech"]["start"] == "RIFF" and found["speech"]["bytes"] > 1000
    assert found["refusal"]["status"] == 400


def test_audio_and_images_travel_as_base64(chute: Deployed, upstream: Upstream) -> None:
    spoken = chute.post("/v1/audio/transcriptions", {**BODIES["/v1/audio/transcriptions"], "response_format": "srt"})
    assert spoken.headers["content-type"].startswith("text/plain")
    assert WAV in upstream.last.body
    assert chute.post("/transcribe", BODIES["/transcribe"]).json()[0]["text"]
    assert chute.post("/v1/ocr", BODIES["/v1/ocr"]).json()["text"]


def test_documents_are_ranked(chute: Deployed) -> None:
    results = chute.post("/v1/rerank", {**BODIES["/v1/rerank"], "top_n": 1}).json()["results"]
    assert [one["index"] for one in results] == [1]


def test_the_warm_up_answers_through_the_platform(chute: Deployed) -> None:
    """Its 202 is a 200 there."""
    names = ["schema", "state", "phase", "progress", "elapsed_sec", "error"]
    status = chute.get("/warmup/status")
    assert (status.status_code, list(status.json())) == (200, names)
    for body in ({}, {"model": "gpt-x"}, {"chutes": True}, {"stream": True}):
        kicked = chute.post("/warmup/kick", body)
        assert (kicked.status_code, kicked.json()["state"]) == (200, "ready"), kicked.text
    refused = chute.post("/warmup/kick", {"model": "no-such-model"})
    assert (refused.status_code, json.loads(refused.json()["detail"])["status"]) == (400, 404)


SDK_CALL = """
import asyncio
from chutes.chute import Chute

chute = Chute(username="developer", name="chute-gateway", image="any")


@chute.cord(path="/completions", public_api_path="/v1/completions")
async def completions(self, arguments): ...


print(asyncio.run(completions({"model": "gpt-x", "prompt": "x"})))
"""


def test_the_sdk_calls_a_cord_by_itself(chute: Deployed) -> None:
    """`Cord._local_call`: a signed call with packed arguments, and a result in an event."""
    environment = {"PATH": os.environ["PATH"], "CHUTES_CONFIG_PATH": str(chute.platform.config), "HOME": "/nonexistent"}
    done = subprocess.run(
        [sys.executable, "-c", SDK_CALL], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert SAID.split()[0] in done.stdout


# --- keys ----------------------------------------------------------------------------------------------------


def test_a_gateway_key_travels_in_query_or_body(chute: Deployed, upstream: Upstream) -> None:
    key = {"gw_key": CALLER_KEY}
    for query, extra in ((key, {}), ({}, key)):
        client = chute.client(default_query=query)
        assert client.chat.completions.create(**CHAT, extra_body=extra).choices  # type: ignore[call-overload]
        assert CALLER_KEY not in f"{upstream.last.headers}{upstream.last.body!r}{upstream.last.query}"
        with pytest.raises(openai.BadRequestError) as refused:
            client.embeddings.create(model="text-embed", input="x", extra_body=extra)
        assert json.loads(refused.value.response.json()["detail"])["status"] in (403, 404)
    with pytest.raises(openai.BadRequestError):
        chute.client(default_query={"gw_key": "sk-wrong"}).chat.completions.create(**CHAT)  # type: ignore[call-overload]
    assert upstream.last.key == "upstream-key", "the secret of the chute"


# --- "stream" everywhere, and bad bodies -----------------------------------------------------------------------


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("stream", [True, 1, "yes", False, 0, None, [], {"a": 1}])
def test_stream_may_be_anything_on_any_path(chute: Deployed, path: str, stream: Any) -> None:
    reply = chute.post(path, {**BODIES[path], "stream": stream})
    assert reply.status_code in (200, 400), reply.text
    if stream is True and path in ("/v1/chat/completions", "/v1/completions", "/route"):
        assert reply.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "body", [{}, {"model": 7}, {"model": "nope"}, {"stream": True}, {"model": "gpt-x", "stream": "x"}]
)
def test_a_bad_body_is_a_400_with_the_error_in_its_detail(chute: Deployed, path: str, body: Any) -> None:
    reply = chute.post(path, body)
    assert reply.status_code == 400, reply.text
    detail = json.loads(reply.json()["detail"])
    assert set(detail["error"]) >= {"message", "type", "code"}
    assert 400 <= detail["status"] < 500


def test_query_parameters_decide_where_the_body_is_silent(chute: Deployed) -> None:
    reply = chute.post("/v1/chat/completions", CHAT, params={"stream": "true"})
    assert (reply.status_code, reply.json()["choices"][0]["message"]["content"]) == (200, SAID)


# --- upstreams that fail ---------------------------------------------------------------------------------------

FAULTS = ["400", "401", "402", "403", "404", "422", "429", "500", "502", "503", "504", "context", "filter", "reset"]
FAULTS += ["empty", "html", "shape", "garbage", "redirect", "json-for-stream", "sse-for-json", "error-in-200"]
STREAM_FAULTS = ["cut:2", "reset:2", "garbage:2", "error:2", "nodone", "nofinish"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_of_an_upstream_is_the_instances(chute: Deployed, fault: str, stream: bool) -> None:
    reply = chute.post("/v1/chat/completions", {**CHAT, "model": f"fake/fault:{fault}", "stream": stream})
    assert reply.status_code in (200, 400, 429), reply.text


@pytest.mark.parametrize("fault", STREAM_FAULTS)
def test_a_stream_that_breaks_never_ends_as_if_it_were_whole(chute: Deployed, fault: str) -> None:
    reply = chute.post("/v1/chat/completions", {**CHAT, "model": f"fake/fault:{fault}", "stream": True})
    assert reply.status_code in (200, 429)
    if reply.status_code == 200 and fault not in ("nodone", "nofinish"):
        assert '"error"' in reply.text or reply.text.count("[DONE]") == 1


def test_a_dead_upstream_is_a_429_and_it_recovers(chute: Deployed, upstream: Upstream) -> None:
    upstream.faults["gpt-x"] = "reset"
    for stream in (False, True):
        assert chute.post("/v1/chat/completions", {**CHAT, "stream": stream}).status_code == 429


# --- clients that leave, and full house --------------------------------------------------------------------------


@pytest.mark.parametrize("events", [0, 1, 20])
def test_dropped_clients_leave_it_serving(chute: Deployed, upstream: Upstream, events: int) -> None:
    """At least twenty, before, at and after the first event."""
    upstream.tokens, upstream.faults["gpt-x"] = 10_000, "slow:0.01"

    def drop(_: int) -> None:
        with httpx.stream(
            "POST", f"{chute.url}/v1/chat/completions", json={**CHAT, "stream": True}, headers=BEARER, timeout=60
        ) as reply:
            lines = (line for line in reply.iter_lines() if line)
            for _ in range(events):
                next(lines)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(drop, range(24)))
    assert eventually(lambda: upstream.open_streams == 0), f"{upstream.open_streams} streams of the upstream still open"
    assert eventually(lambda: chute.instance["in_flight"] == 0)


def test_a_client_that_leaves_while_the_upstream_is_silent(chute: Deployed, upstream: Upstream) -> None:
    upstream.faults["gpt-x"] = "hang"
    client = httpx.Client(base_url=chute.url, headers=BEARER)
    with client as http, GivenUp(http, "/v1/chat/completions", json=CHAT) as call:
        assert eventually(lambda: upstream.requests)
        call.leave()
        assert upstream.wait_disconnect()


def test_a_full_house_turns_away_politely(chute: Deployed, upstream: Upstream) -> None:
    """The SDK refuses what is over the concurrency with 429; those inside get their answers."""
    upstream.tokens, upstream.faults["gpt-x"] = 40, "slow:0.05"
    with ThreadPoolExecutor(CONCURRENCY + 16) as pool:
        calls = [
            pool.submit(chute.post, "/v1/chat/completions", {**CHAT, "stream": True}) for _ in range(CONCURRENCY + 16)
        ]
        replies = [call.result() for call in calls]
    good = [reply for reply in replies if reply.status_code == 200]
    assert {reply.status_code for reply in replies} <= {200, 429}
    assert len(good) >= CONCURRENCY - 1
    assert all(reply.text.endswith("data: [DONE]\n\n") for reply in good)


def test_many_streams_at_once_are_all_whole(chute: Deployed, upstream: Upstream) -> None:
    upstream.tokens = 200
    with ThreadPoolExecutor(CONCURRENCY - 2) as pool:
        calls = [pool.submit(chute.post, "/v1/chat/completions", {**CHAT, "stream": True}) for _ in range(60)]
        for call in calls:
            text = call.result().text
            assert text.count("tok") == 200 and text.endswith("data: [DONE]\n\n")


# --- cold starts -------------------------------------------------------------------------------------------------


def test_a_cold_chute_says_so_and_starts(deployment: tuple[PlatformProcess, Deployed], upstream: Upstream) -> None:
    platform, chute = deployment
    platform.set_chute("chute-gateway", hot=False)
    assert eventually(lambda: not platform.get("/chutes/chute-gateway")["instances"], 60)
    cold = chute.post("/v1/chat/completions", CHAT)
    assert cold.status_code == 503
    assert "No instances available (yet)" in cold.json()["detail"]
    until_hot(platform, "chute-gateway")
    assert chute.post("/v1/chat/completions", CHAT).status_code == 200
