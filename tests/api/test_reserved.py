"""What a request reserves of its key's limits before it is sent: all that it may use, and not much more than it can."""

import base64
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.running import RunningGateway
from tests.fakes.upstream import Upstream

HELLO: Any = [{"role": "user", "content": "hello"}]
MINUTE = 100_000
KEY = "sk-limited-0123456789abcdef"
POOR = "sk-poor-0123456789abcdef"
BUDGET = 0.5
TOKENS_OF_AN_INPUT = 2
"""As the upstream counts."""
PICTURE = base64.b64encode(bytes(range(256)) * 3000).decode()


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, upstream_server: Upstream) -> Iterator[RunningGateway]:
    running = RunningGateway(
        tmp_path_factory.mktemp("state"),
        providers={
            "main": {
                "base_url": upstream_server.url,
                "max_retries": 0,
                "models": [
                    "gpt-x",
                    {"id": "text-embed", "type": "embedding"},
                    {"id": "whisper-1", "type": "transcription"},
                ],
            }
        },
        models={"capped": {"provider": "main", "model": "gpt-x", "max_tokens": 100}},
        keys=[{"name": "limited", "key": KEY, "tpm": MINUTE}, {"name": "poor", "key": POOR, "budget_usd": BUDGET}],
        cache={"enabled": True},
        prices={"main/gpt-x": {"input": 2.5, "output": 10}},
    )
    yield running
    running.stop()


@pytest.fixture
def http(limited: RunningGateway, upstream: Upstream) -> Iterator[httpx.Client]:
    with limited.http(KEY) as client:
        yield client


def remaining(reply: httpx.Response) -> int:
    assert reply.status_code == 200, reply.text
    return int(reply.headers["x-ratelimit-remaining-tokens"])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("chat/completions", {"messages": HELLO, "max_tokens": MINUTE}),
        ("chat/completions", {"messages": HELLO, "max_tokens": MINUTE, "max_completion_tokens": 1}),
        ("chat/completions", {"messages": HELLO, "max_tokens": MINUTE, "max_completion_tokens": "much"}),
        ("chat/completions", {"messages": HELLO, "max_tokens": MINUTE // 10, "n": 10}),
        ("completions", {"prompt": "a", "max_tokens": MINUTE // 10, "best_of": 10}),
        ("completions", {"prompt": ["a"] * 10, "max_tokens": MINUTE // 10}),
        ("completions", {"prompt": [[1, 2]] * 10, "max_tokens": MINUTE // 10}),
    ],
)
def test_all_the_answers_that_are_asked_for_count(
    http: httpx.Client, upstream: Upstream, path: str, body: dict[str, Any]
) -> None:
    reply = http.post(f"/v1/{path}", json={"model": "gpt-x", **body})
    assert reply.status_code == 429 and "can never fit" in reply.json()["error"]["message"]
    assert not upstream.requests


@pytest.mark.parametrize(
    "body",
    [
        {"max_tokens": -1},
        {"max_tokens": -MINUTE},
        {"max_tokens": -1, "max_completion_tokens": 1},
        {"max_tokens": 0},
        {"max_tokens": None},
    ],
)
def test_a_number_below_one_bounds_nothing_and_frees_nothing(http: httpx.Client, body: dict[str, Any]) -> None:
    """A provider may take it for "as long as you like"."""
    before = remaining(http.post("/v1/chat/completions", json={"model": "gpt-x", "messages": HELLO, "max_tokens": 1}))
    reply = http.post("/v1/chat/completions", json={"model": "gpt-x", "messages": HELLO, **body})
    assert before - remaining(reply) > 4000


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_negative_number_does_not_get_past_the_cap_of_a_model(
    http: httpx.Client, upstream: Upstream, name: str
) -> None:
    reply = http.post("/v1/chat/completions", json={"model": "capped", "messages": HELLO, name: -1})
    assert reply.status_code == 400 and reply.json()["error"]["param"] == name
    assert not upstream.requests


def test_a_list_of_numbers_is_one_prompt(http: httpx.Client) -> None:
    reply = http.post("/v1/completions", json={"model": "gpt-x", "prompt": [1] * 50, "max_tokens": MINUTE // 10})
    assert reply.status_code == 200


def embedded(http: httpx.Client) -> int:
    """What is left after one more short text was embedded."""
    return remaining(http.post("/v1/embeddings", json={"model": "text-embed", "input": "a"}))


def test_an_embedding_reserves_its_input_alone(http: httpx.Client) -> None:
    assert embedded(http) - embedded(http) < 100


def test_the_bytes_of_a_recording_are_no_tokens(http: httpx.Client) -> None:
    sound = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(6 * MINUTE)
    files = {"file": ("a.wav", sound, "audio/wav")}
    assert http.post("/v1/audio/transcriptions", data={"model": "whisper-1"}, files=files).status_code == 200


def test_what_was_read_of_a_stream_counts_when_its_reader_leaves(http: httpx.Client, upstream: Upstream) -> None:
    upstream.text, upstream.faults["gpt-x"] = "word " * 200, "slow:0.01"
    body = {"model": "gpt-x", "messages": HELLO, "max_tokens": 1}
    before = embedded(http)
    with http.stream("POST", "/v1/chat/completions", json={**body, "stream": True}) as reply:
        for _ in zip(range(60), filter(None, reply.iter_lines()), strict=False):
            pass
    assert upstream.wait_disconnect()
    upstream.reset()
    asked = 1
    while before - embedded(http) <= 50 + TOKENS_OF_AN_INPUT * asked:
        asked += 1
        assert asked < 200, "the settling is a matter of milliseconds"
        time.sleep(0.01)


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_from_the_cache_uses_no_tokens(http: httpx.Client, stream: bool) -> None:
    body = {"model": "gpt-x", "messages": HELLO, "max_tokens": 5, "stream": stream}
    replies = [http.post("/v1/chat/completions", json=body, headers={"x-gateway-cache": "on"}) for _ in range(3)]
    assert [reply.headers["x-gateway-cache"] for reply in replies] == ["miss", "hit", "hit"]
    assert remaining(replies[1]) == remaining(replies[2])


def seen(part: dict[str, Any]) -> dict[str, Any]:
    return {"model": "gpt-x", "max_tokens": 10, "messages": [{"role": "user", "content": [part]}]}


@pytest.mark.parametrize("key", [KEY, POOR])
def test_a_picture_counts_as_a_picture_and_a_text_as_a_text(limited: RunningGateway, key: str) -> None:
    url = f"data:image/png;base64,{PICTURE}"
    with limited.http(key) as http:
        for picture in ({"url": url}, {"url": url, "detail": "low"}, url):
            shown = http.post("/v1/chat/completions", json=seen({"type": "image_url", "image_url": picture}))
            assert shown.status_code == 200, shown.text
        quoted = f'{{"url": "{url}"}}'
        read = http.post("/v1/chat/completions", json=seen({"type": "text", "text": quoted}))
        assert read.status_code in (402, 429)
        read = http.post("/v1/chat/completions", json=seen({"type": "text", "text": url}))
        assert read.status_code in (402, 429)
