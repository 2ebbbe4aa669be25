"""Ranks, pictures and speech at OpenAI-compatible providers, whose answers differ and sometimes are none."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.running import RunningGateway
from tests.fakes.http_server import Exchange, HttpServer
from tests.fakes.media import sound

QUESTION = {"query": "blue sky", "documents": ["green", "a blue sky"]}


class FakeProvider:
    """Answers every path with `reply`: status, body and content type."""

    def __init__(self) -> None:
        self.reply: tuple[int, bytes, str] = (200, b"", "application/json")
        self.seen: list[tuple[str, Any]] = []
        self.server = HttpServer(self._answer)
        self.server.start()

    async def _answer(self, exchange: Exchange) -> None:
        self.seen.append((exchange.request.path, exchange.request.json))
        exchange.send(*self.reply)


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeProvider]:
    made = FakeProvider()
    yield made
    made.server.stop()


@pytest.fixture(scope="module")
def http(provider: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    url = provider.server.url
    gateway = RunningGateway(
        tmp_path_factory.mktemp("state"),
        providers={
            "plain": {"base_url": f"{url}/v1", "api_key": "sk-secret-value", "max_retries": 0},
            "chutes": {"base_url": url, "api_key": "cpk_secret", "max_retries": 0},
        },
    )
    with gateway.http() as client:
        yield client
    gateway.stop()


@pytest.mark.parametrize(
    "answer",
    [
        b'{"results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]}',
        b'{"data": [{"index": 0, "score": 0.1}, {"index": 1, "score": 0.9}]}',
        b'[{"index": 1, "score": 0.9}, {"index": 0, "score": 0.1}]',
        b'{"scores": [0.1, 0.9]}',
        b"[0.1, 0.9]",
    ],
)
def test_rankings_of_every_shape_become_one(http: httpx.Client, provider: FakeProvider, answer: bytes) -> None:
    provider.reply = (200, answer, "application/json")
    reply = http.post("/v1/rerank", json={"model": "plain/ranker", **QUESTION})
    assert reply.json()["results"] == [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]
    assert provider.seen[-1] == ("/v1/rerank", {"model": "ranker", **QUESTION})


@pytest.mark.parametrize("path", ["/v1/rerank", "/v1/images/generations", "/v1/audio/transcriptions"])
def test_an_error_with_status_200_is_what_it_says(http: httpx.Client, provider: FakeProvider, path: str) -> None:
    provider.reply = (200, b'{"error": {"message": "slow down", "code": 429}, "data": null}', "application/json")
    if path == "/v1/audio/transcriptions":
        reply = http.post(path, data={"model": "chutes/hearer"}, files={"file": ("a.wav", sound(0.1))})
    else:
        reply = http.post(path, json={"model": "plain/any", "prompt": "a cat", **QUESTION})
    assert (reply.status_code, reply.json()["error"]["code"]) == (429, "rate_limit_exceeded")


@pytest.mark.parametrize("answer", [b'{"created": 1, "data": []}', b'{"created": 1, "data": null}', b'{"data": "x"}'])
def test_an_answer_without_pictures_is_refused(http: httpx.Client, provider: FakeProvider, answer: bytes) -> None:
    provider.reply = (200, answer, "application/json")
    reply = http.post("/v1/images/generations", json={"model": "plain/painter", "prompt": "a cat"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "upstream_bad_response")


@pytest.mark.parametrize(
    "answer", [b"{}", b"[]x", b'{"results": 3}', b"[1, 2, 3]", b'[{"index": 9, "score": 1}]', b'[{"index": 0}]',
               b'[{"index": 0, "score": 1}, {"index": 0, "score": 1}]', b'[{"index": 0, "score": true}]']
)  # fmt: skip
def test_what_is_no_ranking_is_refused(http: httpx.Client, provider: FakeProvider, answer: bytes) -> None:
    provider.reply = (200, answer, "application/json")
    reply = http.post("/v1/rerank", json={"model": "plain/ranker", **QUESTION})
    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "upstream_bad_response")


def test_pictures_pass_as_they_are(http: httpx.Client, provider: FakeProvider) -> None:
    provider.reply = (200, b'{"created": 1, "data": [{"url": "https://x/1.png"}]}', "application/json")
    body = {"model": "plain/painter", "prompt": "a cat", "size": "auto", "quality": "high"}
    reply = http.post("/v1/images/generations", json=body)
    assert reply.content == provider.reply[1]
    assert provider.seen[-1] == ("/v1/images/generations", {**body, "model": "painter"})


def test_an_error_in_place_of_pictures_is_one(http: httpx.Client, provider: FakeProvider) -> None:
    provider.reply = (200, b'{"error": {"message": "no", "code": 429}}', "application/json")
    reply = http.post("/v1/images/generations", json={"model": "plain/painter", "prompt": "a cat"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (429, "rate_limit_exceeded")


def test_sound_passes_with_its_type(http: httpx.Client, provider: FakeProvider) -> None:
    provider.reply = (200, b"ID3\x00\xff", "audio/mpeg")
    body = {"model": "plain/voice", "input": "hi", "voice": "alloy", "response_format": "mp3"}
    reply = http.post("/v1/audio/speech", json=body)
    assert (reply.content, reply.headers["content-type"]) == (b"ID3\x00\xff", "audio/mpeg")
    assert provider.seen[-1] == ("/v1/audio/speech", {**body, "model": "voice"})


@pytest.mark.parametrize("model", ["chutes/voice", "plain/voice"])
@pytest.mark.parametrize(
    ("form", "kind", "magic"),
    [
        ("mp3", "audio/mpeg", b"ID3"),
        ("opus", "audio/ogg", b"OggS"),
        ("aac", "audio/aac", b"\xff"),
        ("flac", "audio/flac", b"fLaC"),
        ("wav", "audio/wav", b"RIFF"),
    ],
)
def test_sound_comes_in_the_format_that_was_asked_for(
    http: httpx.Client, provider: FakeProvider, model: str, form: str, kind: str, magic: bytes
) -> None:
    """A chute's voice knows WAV alone, and so do others."""
    provider.reply = (200, sound(0.5), "audio/wav")
    reply = http.post("/v1/audio/speech", json={"model": model, "input": "hi", "response_format": form})
    assert (reply.status_code, reply.headers["content-type"]) == (200, kind)
    assert reply.content.startswith(magic)
    assert (reply.content == sound(0.5)) == (form == "wav"), "what is right already is not touched"


def test_sound_passes_as_it_came_where_no_format_was_asked_for(http: httpx.Client, provider: FakeProvider) -> None:
    provider.reply = (200, sound(0.5), "audio/wav")
    reply = http.post("/v1/audio/speech", json={"model": "chutes/voice", "input": "hi"})
    assert (reply.content, reply.headers["content-type"]) == (sound(0.5), "audio/wav")


def test_sound_that_cannot_be_brought_to_the_format_is_refused(http: httpx.Client, provider: FakeProvider) -> None:
    provider.reply = (200, b"RIFF\x00\x00\x00\x00WAVEfmt broken", "audio/wav")
    reply = http.post("/v1/audio/speech", json={"model": "chutes/voice", "input": "hi", "response_format": "mp3"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "upstream_bad_response")


def test_a_format_that_nobody_knows_is_refused_for_a_chute(http: httpx.Client, provider: FakeProvider) -> None:
    """At an OpenAI-compatible provider it is for the provider to judge."""
    provider.reply = (200, sound(0.5), "audio/wav")
    body = {"input": "hi", "response_format": "mp4"}
    reply = http.post("/v1/audio/speech", json={"model": "chutes/voice", **body})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "response_format")
    assert http.post("/v1/audio/speech", json={"model": "plain/voice", **body}).content == sound(0.5)


@pytest.mark.parametrize(
    "reply",
    [(200, b"<html>oops</html>", "text/html"), (200, b"", "audio/mpeg"), (200, b'{"x": 1}', "application/json")],
)
def test_what_is_no_sound_is_refused(http: httpx.Client, provider: FakeProvider, reply: tuple[int, bytes, str]) -> None:
    provider.reply = reply
    for model in ("plain/voice", "chutes/voice"):
        answer = http.post("/v1/audio/speech", json={"model": model, "input": "hi"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_bad_response")


@pytest.mark.parametrize("field", ["query", "documents", "prompt", "input"])
def test_required_fields_are_named(http: httpx.Client, field: str) -> None:
    path = {"prompt": "/v1/images/generations", "input": "/v1/audio/speech"}.get(field, "/v1/rerank")
    body = {"model": "plain/x", "query": "q", "documents": ["d"], "prompt": "p", "input": "i"}
    del body[field]
    reply = http.post(path, json=body)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, field)


def test_a_chute_gets_its_own_shape(http: httpx.Client, provider: FakeProvider) -> None:
    """Its base URL is configured, so nobody is asked where it lives."""
    provider.reply = (200, b"\xff\xd8jpeg", "image/jpeg")
    body = {"model": "chutes/flux", "prompt": "a cat", "n": 2, "size": "640x480", "seed": 7, "quality": "high"}
    reply = http.post("/v1/images/generations", json=body)
    assert len(reply.json()["data"]) == 2
    asked = sorted((path, document["seed"]) for path, document in provider.seen[-2:])
    assert asked == [("/generate", 7), ("/generate", 8)]
    shape = {key: value for key, value in provider.seen[-1][1].items() if key != "seed"}
    assert shape == {"prompt": "a cat", "width": 640, "height": 480}
    provider.reply = (200, b"RIFF", "audio/wav")
    http.post("/v1/audio/speech", json={"model": "chutes/v", "input": "hi", "voice": "af_heart", "speed": 1.5})
    assert provider.seen[-1] == ("/speak", {"text": "hi", "voice": "af_heart", "speed": 1.5})


@pytest.mark.parametrize(
    "body",
    [
        b'{"images": ["iVBORw0KGgo="]}',
        b'{"image_b64": "iVBORw0KGgo="}',
        b'{"image": "data:image/png;base64,iVBORw\\n0KGgo=\\n"}',
    ],
)
def test_a_picture_in_json_is_taken_out(http: httpx.Client, provider: FakeProvider, body: bytes) -> None:
    provider.reply = (200, body, "application/json")
    reply = http.post("/v1/images/generations", json={"model": "chutes/flux", "prompt": "a cat"})
    assert reply.json()["data"] == [{"b64_json": "iVBORw0KGgo="}]


def test_a_picture_that_is_none_is_refused(http: httpx.Client, provider: FakeProvider) -> None:
    provider.reply = (200, b"hello", "text/plain")
    reply = http.post("/v1/images/generations", json={"model": "chutes/flux", "prompt": "a cat"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "upstream_bad_response")
