"""A stream whose target breaks in the middle: continued, begun anew, or an error event, but never a false end."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.running import RunningGateway
from tests.fakes.upstream import Upstream

HELLO: Any = [{"role": "user", "content": "hello"}]
BREAKS = ["cut:4", "reset:4", "stall:4", "garbage:4", "error:4"]


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, upstream_server: Upstream, spare_server: Upstream
) -> Iterator[RunningGateway]:
    providers = {
        "main": {"base_url": upstream_server.url, "max_retries": 0},
        "spare": {"base_url": spare_server.url, "max_retries": 0},
    }
    first = {"provider": "main", "model": "gpt-x"}
    models = {
        "continued": {"targets": [first, {"provider": "spare", "model": "gpt-y", "priority": 1, "prefill": True}]},
        "vllm": {
            "targets": [first, {"provider": "spare", "model": "q", "priority": 1, "prefill": "continue_final_message"}]
        },
        "plain": {"targets": [first, {"provider": "spare", "model": "gpt-y", "priority": 1}]},
        "anew": {
            "targets": [first, {"provider": "spare", "model": "gpt-y", "priority": 1}],
            "stream_policy": "restart",
        },
        "larger": {"provider": "spare", "model": "gpt-long"},
        "small": {**first, "context_fallback": "larger"},
    }
    folder: Path = tmp_path_factory.mktemp("guard")
    running = RunningGateway(folder, stream_idle_timeout=3, providers=providers, models=models)
    yield running
    running.stop()


@pytest.fixture
def http(gateway: RunningGateway, upstream: Upstream, spare: Upstream) -> Iterator[httpx.Client]:
    gateway.app.state.dispatcher.vitals.clear()
    upstream.text = "one two three four five"
    spare.text = "four five"
    with gateway.http() as client:
        yield client


def stream(http: httpx.Client, model: str, path: str = "/v1/chat/completions", **more: Any) -> list[Any]:
    """The data of every event; `[DONE]` as a string."""
    given = {"prompt": "hello"} if path == "/v1/completions" else {"messages": HELLO}
    body = {"model": model, "stream": True, **given, **more}
    text = http.post(path, json=body).text
    return [d if d == "[DONE]" else json.loads(d) for d in (e.removeprefix("data: ") for e in text.split("\n\n")) if d]


def said(events: list[Any]) -> str:
    choices = [event["choices"][0] for event in events if event != "[DONE]" and event.get("choices")]
    return "".join(choice.get("text") or choice.get("delta", {}).get("content") or "" for choice in choices)


@pytest.mark.parametrize("fault", BREAKS)
def test_a_target_that_can_goes_on_and_nobody_notices(
    http: httpx.Client, upstream: Upstream, spare: Upstream, fault: str
) -> None:
    upstream.faults["gpt-x"] = fault
    events = stream(http, "continued", max_tokens=50)
    assert said(events) == "one two three four five" and events[-1] == "[DONE]"
    assert spare.last.json["messages"] == [*HELLO, {"role": "assistant", "content": "one two three "}]
    assert spare.last.json["max_tokens"] == 47
    roles = [e["choices"][0].get("delta", {}).get("role") for e in events if e != "[DONE]" and e.get("choices")]
    assert roles.count("assistant") == 1


def test_the_usage_of_an_answer_in_two_parts_is_that_of_both(
    http: httpx.Client, upstream: Upstream, spare: Upstream
) -> None:
    upstream.faults["gpt-x"] = "cut:4"
    told = stream(http, "continued", stream_options={"include_usage": True})[-2]
    prompt = told["usage"]["prompt_tokens"]
    assert told["choices"] == [] and told["usage"]["completion_tokens"] == 5
    assert told["usage"]["total_tokens"] == prompt + 5


def test_vllm_is_asked_in_its_own_way(http: httpx.Client, upstream: Upstream, spare: Upstream) -> None:
    upstream.faults["gpt-x"] = "cut:4"
    assert said(stream(http, "vllm")) == "one two three four five"
    assert spare.last.json["continue_final_message"] is True
    assert spare.last.json["add_generation_prompt"] is False


def test_a_text_completion_goes_on_anywhere(http: httpx.Client, upstream: Upstream, spare: Upstream) -> None:
    upstream.faults["gpt-x"] = "cut:3"
    assert said(stream(http, "plain", "/v1/completions")) == "one two three four five"
    assert spare.last.json["prompt"] == "helloone two three "


@pytest.mark.parametrize(
    "more",
    [
        {"response_format": {"type": "json_object"}},
        {"logprobs": True},
        {"n": 2},
    ],
)
@pytest.mark.parametrize("fault", ["cut:4", "garbage:4"])
def test_what_cannot_be_joined_ends_in_an_error(
    http: httpx.Client, upstream: Upstream, spare: Upstream, more: dict[str, Any], fault: str
) -> None:
    upstream.faults["gpt-x"] = fault
    events = stream(http, "continued", **more)
    assert events[-1]["error"]["type"] == "upstream_error"
    assert not spare.requests


def test_plain_text_format_constrains_nothing(http: httpx.Client, upstream: Upstream) -> None:
    upstream.faults["gpt-x"] = "cut:4"
    assert said(stream(http, "continued", response_format={"type": "text"})) == "one two three four five"


def test_without_a_target_that_can_go_on_the_same_answer_is_caught_up_with(
    http: httpx.Client, upstream: Upstream, spare: Upstream
) -> None:
    upstream.faults["gpt-x"] = "cut:4"
    spare.text = "one two three four five"
    events = stream(http, "plain")
    assert said(events) == "one two three four five" and events[-1] == "[DONE]"
    assert spare.last.json["messages"] == HELLO


def test_another_answer_is_never_mixed_in(http: httpx.Client, upstream: Upstream, spare: Upstream) -> None:
    upstream.faults["gpt-x"] = "cut:4"
    for other in ("one two four", "one two", "zero one two three four"):
        spare.text = other
        events = stream(http, "plain")
        assert "error" in events[-1] and said(events[:-1]) == "one two three "


def test_a_restart_is_marked_and_whole(http: httpx.Client, upstream: Upstream, spare: Upstream) -> None:
    upstream.faults["gpt-x"] = "stall:4"
    spare.text = "uno dos tres"
    events = stream(http, "anew")
    mark = next(n for n, event in enumerate(events) if event != "[DONE]" and event.get("gateway"))
    assert events[mark]["gateway"] == {"restart": True} and events[mark]["id"] == events[0]["id"]
    assert said(events[:mark]) == "one two three " and said(events[mark:]) == "uno dos tres"
    assert events[-1] == "[DONE]" and spare.last.json["messages"] == HELLO


def test_when_everything_breaks_the_caller_is_told(http: httpx.Client, upstream: Upstream, spare: Upstream) -> None:
    upstream.faults["gpt-x"] = spare.faults["gpt-y"] = "cut:3"
    spare.text = "three four five"
    events = stream(http, "continued")
    assert "error" in events[-1] and "[DONE]" not in events


def test_a_request_that_is_too_long_goes_to_the_larger_model(http: httpx.Client, upstream: Upstream) -> None:
    upstream.faults["gpt-x"] = "context"
    reply = http.post("/v1/chat/completions", json={"model": "small", "messages": HELLO})
    assert reply.status_code == 200 and reply.headers["x-gateway-model"] == "gpt-long"
