"""What a request reserves of its key's limits before it is sent: all that it may use, and not much more than it can."""

import base64
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.api.leaving import GivenUp, eventually
from tests.api.running import RunningGateway
from tests.fakes.upstream import Upstream

HELLO: Any = [{"role": "user", "content": "hello"}]
MINUTE = 100_000
POOR = "sk-poor-0123456789abcdef"
LEAVER = "sk-leaver-0123456789abcdef"
BUDGET = 0.5
TOKENS_OF_AN_INPUT = 2
"""As the upstream counts."""
PICTURE = base64.b64encode(bytes(range(256)) * 3000).decode()


LONG: Any = [{"role": "user", "content": "x" * 30_000}]
"""A third as many tokens, at the upstream's price 0.025 USD."""


@pytest.fixture(scope="module")
def deaf() -> Iterator[str]:
    """The address of a machine that never takes up a connection."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, socket.create_connection(server.getsockname()):
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, upstream_server: Upstream, deaf: str) -> Iterator[RunningGateway]:
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
            },
            "deaf": {"base_url": deaf, "max_retries": 0, "models": ["gpt-deaf"]},
            "tired": {"base_url": upstream_server.url, "max_retries": 3, "models": ["fault:503:9"]},
        },
        connect_timeout=60,
        models={"capped": {"provider": "main", "model": "gpt-x", "max_tokens": 100}},
        keys=[
            {"name": "poor", "key": POOR, "budget_usd": BUDGET, "budget_period": "total"},
            {"name": "leaver", "key": LEAVER, "tpm": MINUTE, "budget_usd": 0.1, "budget_period": "total"},
        ],
        cache={"enabled": True},
        prices={"main/gpt-x": {"input": 2.5, "output": 10}, "deaf/gpt-deaf": {"input": 2.5, "output": 10}},
    )
    yield running
    running.stop()


@pytest.fixture
def http(limited: RunningGateway, upstream: Upstream, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """With a key of which nothing is used yet."""
    with limited.http() as master:
        made = master.post("/api/admin/apikeys", json={"name": request.node.name, "tpm": MINUTE})
        assert made.status_code == 201, made.text
    with limited.http(made.json()["key"]) as client:
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
    upstream.text, upstream.faults["gpt-x"] = "word " * 200, "stall:150"
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


def leave(
    http: httpx.Client, limited: RunningGateway, begun: Callable[[], Any], model: str = "gpt-x", **more: Any
) -> dict[str, Any]:
    """A caller who leaves once it has `begun`; the row of that request."""
    asked = {row["request_id"] for row in _left(limited)}
    body = {"model": model, "messages": LONG, "max_tokens": 1, **more}
    with GivenUp(http, "/v1/chat/completions", json=body):
        assert eventually(begun, 20)
    assert eventually(lambda: len(_left(limited)) > len(asked), 20)
    row: dict[str, Any] = next(one for one in _left(limited) if one["request_id"] not in asked)
    return row


def chats(upstream: Upstream) -> int:
    return sum(request.path.endswith("/chat/completions") for request in upstream.requests)


def _left(limited: RunningGateway) -> Any:
    with limited.http() as master:
        return [row for row in master.get("/api/admin/requests").json()["data"] if row["status"] == 499]


@pytest.mark.parametrize("stream", [False, True])
def test_who_leaves_before_the_answer_is_charged_for_what_was_sent(
    http: httpx.Client, limited: RunningGateway, upstream: Upstream, stream: bool
) -> None:
    upstream.faults["gpt-x"] = "hang"
    before = embedded(http)
    row = leave(http, limited, lambda: chats(upstream), stream=stream)
    assert row["input_tokens"] is None and row["output_tokens"] is None, "what nobody knows is not guessed"
    taken = 10_000 + TOKENS_OF_AN_INPUT
    assert taken <= before - embedded(http) < taken + 500


def test_who_only_ever_leaves_has_spent_a_budget_too(limited: RunningGateway, upstream: Upstream) -> None:
    upstream.faults["gpt-x"] = "hang"
    with limited.http(LEAVER) as http:
        leave(http, limited, lambda: chats(upstream))
        refused = http.post("/v1/chat/completions", json={"model": "gpt-x", "messages": LONG, "max_tokens": 1})
    assert refused.status_code == 402, refused.text


def is_asking(gateway: RunningGateway) -> bool:
    vitals = gateway.app.state.dispatcher.vitals.items()
    return any(vital.in_flight for (provider, _), vital in vitals if provider == "deaf")


def is_waiting(gateway: RunningGateway) -> bool:
    return bool(gateway.app.state.dispatcher._queued)


@pytest.mark.parametrize(("model", "begun"), [("gpt-deaf", is_asking), ("fault:503:9", is_waiting)])
def test_who_leaves_before_anybody_was_sent_anything_is_charged_nothing(
    http: httpx.Client, limited: RunningGateway, upstream: Upstream, model: str, begun: Callable[[RunningGateway], bool]
) -> None:
    """While there is no connection yet, or in the pause before a retry."""
    before = embedded(http)
    leave(http, limited, lambda: begun(limited), model)
    assert before - embedded(http) < 100


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_from_the_cache_uses_no_tokens(http: httpx.Client, stream: bool) -> None:
    body = {"model": "gpt-x", "messages": HELLO, "max_tokens": 5, "stream": stream}
    replies = [http.post("/v1/chat/completions", json=body, headers={"x-gateway-cache": "on"}) for _ in range(3)]
    assert [reply.headers["x-gateway-cache"] for reply in replies] == ["miss", "hit", "hit"]
    assert remaining(replies[1]) == remaining(replies[2])


def seen(part: dict[str, Any]) -> dict[str, Any]:
    return {"model": "gpt-x", "max_tokens": 10, "messages": [{"role": "user", "content": [part]}]}


@pytest.mark.parametrize(("bound", "status"), [("tokens", 429), ("budget", 402)])
def test_a_picture_counts_as_a_picture_and_a_text_as_a_text(http: httpx.Client, bound: str, status: int) -> None:
    url = f"data:image/png;base64,{PICTURE}"
    if bound == "budget":
        http.headers["authorization"] = f"Bearer {POOR}"
    for picture in ({"url": url}, {"url": url, "detail": "low"}, url):
        shown = http.post("/v1/chat/completions", json=seen({"type": "image_url", "image_url": picture}))
        assert shown.status_code == 200, shown.text
    for text in (f'{{"url": "{url}"}}', url):
        read = http.post("/v1/chat/completions", json=seen({"type": "text", "text": text}))
        assert read.status_code == status
