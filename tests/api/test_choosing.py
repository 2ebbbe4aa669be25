"""Where a request goes by what it needs, how full engines are, how well providers are, and what it is called."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.running import RunningGateway
from tests.fakes.board import FakeBoard, FakeEngine
from tests.fakes.upstream import Upstream

HELLO: Any = [{"role": "user", "content": "hello"}]
PICTURE: Any = [
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]}
]
STRICT = "sk-strict-0123456789abcdef"
UUID = "6f1a2b3c-4d5e-4f60-8a9b-0c1d2e3f4a5b"


@pytest.fixture
def gateway(tmp_path: Path, upstream: Upstream, spare: Upstream) -> Iterator[RunningGateway]:
    """`main` and the engine are one upstream, `spare` and `chutes` the other."""
    main = {"provider": "main", "model": "gpt-x"}
    other = {"provider": "spare", "model": "gpt-y", "priority": 1}
    running = RunningGateway(
        tmp_path,
        FakeBoard(FakeEngine("chat", "chat", "demo-chat", upstream.url, runtime="vllm")),
        default_model="plain,text-embed",
        providers={
            "main": {"base_url": upstream.url, "max_retries": 0, "models": [{"id": "text-embed", "type": "embedding"}],
                     "health_check": {"interval": 1}},
            "spare": {"base_url": spare.url, "max_retries": 0},
            "chutes": {"base_url": spare.url, "type": "chutes", "max_retries": 0},
        },
        models={
            "plain": {"type": "chat", "targets": [main, other]},
            "able": {"targets": [{**main, "supports": {"images": False, "tools": False, "n": False}}, other]},
            "unable": {"targets": [{**main, "supports": {"json_schema": False}}]},
            "swift": {"hedge": {"after": 0.2, "max_share": 1}, "targets": [main, other]},
            "twins": {"sticky": "prompt", "targets": [main, {**other, "priority": 0}]},
            "cheap": {"policy": "cheapest-now", "targets": [{**main, "price": 2},
                                                            {**other, "priority": 0, "price": 1}]},
            "roomy": {"spill": {"in_flight": 1}, "targets": [{"engine": "chat"}, other]},
            "watched": {"spill": {"waiting": 4, "memory": 0.9}, "targets": [{"engine": "chat"}, other]},
        },
        keys=[{"name": "strict", "key": STRICT, "stream_policy": "error"}],
    )  # fmt: skip
    yield running
    running.stop()


@pytest.fixture
def http(gateway: RunningGateway) -> Iterator[httpx.Client]:
    with gateway.http() as client:
        yield client


def ask(http: httpx.Client, model: str, **more: Any) -> httpx.Response:
    return http.post("/v1/chat/completions", json={"model": model, "messages": HELLO, **more})


def provider(reply: httpx.Response) -> str:
    assert reply.status_code == 200, reply.text
    return reply.headers["x-gateway-provider"]


def reasons(http: httpx.Client, model: str, **more: Any) -> dict[str, str]:
    found = http.post("/v1/route/explain", json={"model": model, **more}).json()
    return {one["provider"]: one["reason"] for one in found["candidates"]}


def asked(upstream: Upstream) -> int:
    """Calls, not counting health checks and looks at metrics."""
    return sum(request.method == "POST" for request in upstream.requests)


def document(upstream: Upstream) -> Any:
    """Of the newest call; what looks after health asks in between."""
    return [request for request in upstream.requests if request.method == "POST"][-1].json


def eventually(true: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it never came to be"
        time.sleep(0.05)


# --- what targets can ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "need", [{"messages": PICTURE}, {"tools": [{"type": "function", "function": {"name": "f"}}]}, {"n": 2}]
)
def test_a_target_that_cannot_is_left_out(http: httpx.Client, upstream: Upstream, need: dict[str, Any]) -> None:
    assert provider(ask(http, "able")) == "main"
    assert provider(ask(http, "able", **need)) == "spare"
    assert provider(ask(http, "plain", **need)) == "main", "what is not said is tried"
    (word,) = ({"messages": "images"}.get(next(iter(need)), next(iter(need))),)
    assert word in reasons(http, "able", **need)["main"] and reasons(http, "able")["main"] == "ready"


def test_when_none_can_the_caller_is_told_the_field(http: httpx.Client, upstream: Upstream) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}
    reply = ask(http, "unable", response_format=form)
    assert reply.status_code == 400
    assert reply.json()["error"] == {
        "message": "The model 'unable' does not keep to a JSON schema ('response_format').",
        "type": "invalid_request_error",
        "param": "response_format",
        "code": "unsupported_parameter",
    }
    explained = http.post("/v1/route/explain", json={"model": "unable", "response_format": form})
    assert explained.status_code == 400
    assert not asked(upstream)


# --- hedging ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_a_slow_answer_is_overtaken(http: httpx.Client, upstream: Upstream, stream: bool) -> None:
    upstream.faults["gpt-x"] = "stall:1" if stream else "hang"
    reply = ask(http, "swift", stream=stream)
    assert "spare" in reply.text and ("[DONE]" in reply.text) is stream
    assert provider(reply) == "spare"
    assert reply.headers["x-gateway-attempts"] in (
        "main/gpt-x=overtaken, spare/gpt-y=200",
        "spare/gpt-y=200, main/gpt-x=overtaken",
    )
    assert float(reply.headers["x-gateway-overhead-ms"]) >= 0
    assert upstream.wait_disconnect(), "the slow one is stopped"
    tried = http.get(f"/v1/route/requests/{reply.headers['x-request-id']}").json()["attempts"]
    assert sorted(one["outcome"] for one in tried) == ["200", "overtaken"]
    assert http.post("/v1/route/explain", json={"model": "swift"}).json()["hedge"] == {"after": 0.2, "max_share": 1}


# --- spill -----------------------------------------------------------------------------------------------


def test_calls_go_elsewhere_while_the_engine_has_its_fill_and_come_back(
    http: httpx.Client, gateway: RunningGateway, upstream: Upstream
) -> None:
    upstream.faults["demo-chat"], release = "held:2", upstream.hold()

    def stream() -> None:
        with gateway.http() as client:
            ask(client, "roomy", stream=True)

    busy = threading.Thread(target=stream)
    busy.start()
    eventually(lambda: upstream.open_streams == 1)
    assert "1 calls in flight, the limit is 1" in reasons(http, "roomy")["chat"]
    assert provider(ask(http, "roomy")) == "spare"
    release()
    busy.join()
    upstream.faults.clear()
    eventually(lambda: reasons(http, "roomy")["chat"] == "ready")
    assert provider(ask(http, "roomy")) == "chat"


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ("vllm:num_requests_waiting{engine=\"0\"} 5\n", "5 calls waiting in the engine"),
        ("vllm:kv_cache_usage_perc{engine=\"0\"} 0.95\n", "0.95 of the cache in use"),
    ],
)  # fmt: skip
def test_what_the_engine_says_of_itself_counts_and_calls_return_well_below_the_limit(
    http: httpx.Client, upstream: Upstream, metrics: str, said: str
) -> None:
    assert provider(ask(http, "watched")) == "chat"
    upstream.metrics = metrics
    eventually(lambda: said in reasons(http, "watched")["chat"])
    assert provider(ask(http, "watched")) == "spare"
    seen = upstream.metrics_asked
    upstream.metrics = metrics.replace(" 5", " 3").replace("0.95", "0.85")
    eventually(lambda: upstream.metrics_asked >= seen + 2)
    assert provider(ask(http, "watched")) == "spare", "below the limit, but not well below"
    upstream.metrics = metrics.replace(" 5", " 0").replace("0.95", "0.1")
    eventually(lambda: reasons(http, "watched")["chat"] == "ready")
    assert provider(ask(http, "watched")) == "chat"


# --- health ----------------------------------------------------------------------------------------------


def check_of(http: httpx.Client) -> dict[str, Any]:
    (shown,) = [one for one in http.get("/health").json()["providers"] if one["id"] == "main"]
    return dict(shown.get("check", {}))


def test_a_sick_provider_is_left_alone_before_a_request_finds_out(http: httpx.Client, upstream: Upstream) -> None:
    eventually(lambda: check_of(http).get("well") is True)
    upstream.faults["*"] = "503"
    eventually(lambda: check_of(http).get("well") is False)
    assert check_of(http)["error"] == "upstream_unavailable"
    assert reasons(http, "plain")["main"] == "open after upstream_unavailable (health check)"
    for model in ("plain", "main/another,spare/gpt-y"):
        assert ask(http, model).headers["x-gateway-attempts"] == "spare/gpt-y=200"
    upstream.reset()
    eventually(lambda: check_of(http)["well"] is True)
    eventually(lambda: provider(ask(http, "plain")) == "main")
    assert all("error" not in one for one in http.get("/health").json()["providers"] if one["id"] != "main")


def test_a_refused_key_is_shown_but_closes_nothing(http: httpx.Client, upstream: Upstream) -> None:
    upstream.models = []
    upstream.faults["*"] = "401"
    eventually(lambda: check_of(http).get("error") == "upstream_credentials_refused")
    upstream.reset()
    assert provider(ask(http, "plain")) == "main"


# --- order -----------------------------------------------------------------------------------------------


def test_the_cheapest_that_is_well_now_answers(
    http: httpx.Client, gateway: RunningGateway, upstream: Upstream, spare: Upstream
) -> None:
    answered = []
    for _ in range(20):
        gateway.app.state.dispatcher.vitals.clear()  # none is slow for having been so once
        answered.append(provider(ask(http, "cheap")))
    assert answered.count("spare") > 10, "but for the odd exploration"
    spare.faults["gpt-y"] = "429:20"
    asked = len(spare.requests)
    while len(spare.requests) == asked:
        ask(http, "cheap")
    assert reasons(http, "cheap")["spare"].startswith("cooling")
    assert [provider(ask(http, "cheap")) for _ in range(5)] == ["main"] * 5


def test_conversations_stay_on_their_target(http: httpx.Client) -> None:
    found = set()
    for n in range(12):
        question = [{"role": "user", "content": f"question {n}"}]
        first = provider(ask(http, "twins", messages=question))
        turns = [*question, {"role": "assistant", "content": "Yes."}, {"role": "user", "content": "Why?"}]
        assert provider(ask(http, "twins", messages=turns, temperature=0)) == first
        found.add(first)
    assert found == {"main", "spare"}


# --- names -----------------------------------------------------------------------------------------------


def test_default_serves_every_type(http: httpx.Client, upstream: Upstream) -> None:
    assert provider(ask(http, "default")) == "main" and document(upstream)["model"] == "gpt-x"
    assert provider(http.post("/v1/embeddings", json={"model": "default", "input": "x"})) == "main"
    assert document(upstream)["model"] == "text-embed"


def test_chutes_routing_strings_work(http: httpx.Client, upstream: Upstream, spare: Upstream) -> None:
    assert provider(ask(http, UUID)) == "chutes" and document(spare)["model"] == UUID
    ask(http, "chutes/org/model:THINKING")
    assert document(spare)["model"] == "org/model:THINKING"
    ask(http, "chat:THINKING")
    assert document(upstream)["chat_template_kwargs"] == {"enable_thinking": True}
    assert "chat_template_kwargs" not in (ask(http, "chat"), document(upstream))[1]


# --- streams -------------------------------------------------------------------------------------------


def test_the_stream_policy_of_the_key_wins(http: httpx.Client, upstream: Upstream) -> None:
    upstream.faults["gpt-x"] = "cut:3"
    upstream.tokens = 6
    strict = {"authorization": f"Bearer {STRICT}"}
    body = {"model": "main/gpt-x", "messages": HELLO, "stream": True}
    told = http.post("/v1/chat/completions", json=body, headers=strict).text
    assert "upstream_bad_response" in told and "[DONE]" not in told
    assert asked(upstream) == 1, "nobody tried to go on"
    ask(http, "main/gpt-x", stream=True)
    assert asked(upstream) > 2, "the model's own policy goes on"
