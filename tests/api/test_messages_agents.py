"""Anthropic's Messages API as agents use it, such as Claude Code: long requests, many tools, providers of all kinds."""

import json
import threading
from base64 import b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import pytest

from tests.api.running import MASTER, RunningGateway
from tests.api.test_files import picture
from tests.api.test_messages import CHAT, HELLO, PATH, connected, events
from tests.fakes.upstream import Upstream

HASHES = ("a1b2c", "d3e4f")
TOOLS: Any = [
    {"name": name, "description": f"To {name}.", "input_schema": {"type": "object", "properties": {}}, **more}
    for name, more in (("read", {}), ("write", {"cache_control": {"type": "ephemeral"}}))
]


@pytest.fixture
def client(gateway: RunningGateway, upstream: Upstream, spare: Upstream) -> Iterator[anthropic.Anthropic]:
    gateway.app.state.dispatcher.vitals.clear()
    with connected(gateway) as client:
        yield client


def agents_request(turns: Iterable[Any], line: str = HASHES[0]) -> dict[str, Any]:
    """What an agent asks, with all that is meant for Anthropic's own servers."""
    return {
        "model": "gpt-x",
        "max_tokens": 32000,
        "stream": True,
        "system": [
            {"type": "text", "text": f"x-anthropic-billing-header: cc_version=2.1.100.7b4; cch={line};"},
            {"type": "text", "text": "You write code.", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        ],
        "messages": [*turns],
        "tools": TOOLS,
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": False},
        "metadata": {"user_id": "user_" + "0" * 64 + "_account__session_5e0a77f0-9f6f-4bb8-8c53-7ad3b9a2a1b0"},
        "thinking": {"type": "adaptive"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "high"},
    }


def asked(gateway: RunningGateway, body: dict[str, Any]) -> httpx.Response:
    headers = {
        "authorization": f"Bearer {MASTER}",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14",
        "x-app": "cli",
    }
    return httpx.post(f"{gateway.url}{PATH}?beta=true", json=body, headers=headers, timeout=60)


def piece(index: int, text: str, **more: str) -> dict[str, Any]:
    """A delta with a piece of a call's arguments; with `id` and `name` its first."""
    named = {"name": more.pop("name")} if "name" in more else {}
    return {"tool_calls": [{"index": index, **more, "function": {**named, "arguments": text}}]}


def test_what_an_agent_asks_arrives_as_a_chat_that_begins_alike_each_time(
    gateway: RunningGateway, upstream: Upstream, client: anthropic.Anthropic
) -> None:
    reminder = [{"type": "text", "text": "A reminder."}, {"type": "text", "text": "hello"}]
    for line in HASHES:
        turns = [{"role": "user", "content": reminder}, {"role": "system", "content": "Agents: none."}]
        assert asked(gateway, agents_request(turns, line)).status_code == 200
    first, second = (request.json for request in upstream.requests)
    assert first == second
    assert first["messages"] == [
        {"role": "system", "content": "You write code.\nBe brief."},
        {"role": "user", "content": "A reminder.\nhello\n<system-reminder>\nAgents: none.\n</system-reminder>"},
    ]
    assert first.keys() == {
        "model",
        "max_tokens",
        "stream",
        "stream_options",
        "messages",
        "tools",
        "tool_choice",
        "user",
    }
    assert len(first["user"]) == 64


@pytest.mark.parametrize("header", ["x-api-key", "authorization"])
def test_either_header_has_the_key(gateway: RunningGateway, upstream: Upstream, spare: Upstream, header: str) -> None:
    own: Any = {"api_key": MASTER} if header == "x-api-key" else {"auth_token": MASTER}
    with anthropic.Anthropic(base_url=gateway.url, max_retries=0, **own) as client:
        assert client.messages.create(model="gpt-x", max_tokens=9, messages=HELLO).stop_reason == "end_turn"


def test_several_tools_in_one_stream_and_their_results_with_what_the_model_thought(
    client: anthropic.Anthropic, upstream: Upstream
) -> None:
    upstream.canned[CHAT] = events(
        {"role": "assistant", "content": ""},
        {"reasoning_content": "I read "},
        {"reasoning_content": "both."},
        {"content": "Reading"},
        piece(0, "", id="call_a", name="read"),
        piece(0, '{"path": "é'),
        piece(2, '{"path"', id="call_b", name="read"),
        {"content": " both."},
        piece(0, '.py"}'),
        piece(2, ': "b.py"}'),
        finish="tool_calls",
    )
    told: list[tuple[str, Any]] = []
    with client.messages.stream(model="gpt-x", max_tokens=64, messages=HELLO, tools=TOOLS) as stream:
        for event in stream:
            if event.type == "input_json":
                told.append((event.type, event.partial_json))
            elif event.type == "text":
                told.append((event.type, event.text))
        message = stream.get_final_message()
    assert [kind for kind, _ in told] == ["text", *["input_json"] * 2, *["input_json"] * 2, "text"]
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use", "text"]
    calls = [block for block in message.content if block.type == "tool_use"]
    assert [call.input for call in calls] == [{"path": "é.py"}, {"path": "b.py"}]
    assert message.stop_reason == "tool_use" and message.usage.output_tokens == 5

    source = {"type": "base64", "media_type": "image/png", "data": b64encode(picture()).decode()}
    results: Any = [
        {"type": "tool_result", "tool_use_id": "call_a", "is_error": True, "content": "no such file"},
        {"type": "tool_result", "tool_use_id": "call_b", "content": [{"type": "image", "source": source}]},
    ]
    turns: Any = [
        *HELLO,
        {"role": "assistant", "content": [block.model_dump() for block in message.content]},
        {"role": "user", "content": results},
    ]
    upstream.canned.clear()
    client.messages.create(model="gpt-x", max_tokens=64, messages=turns, tools=TOOLS)
    answer, failed, seen, shown = upstream.last.json["messages"][1:]
    assert answer["reasoning_content"] == "I read both." and answer["content"] == "Reading both."
    assert [json.loads(call["function"]["arguments"])["path"] for call in answer["tool_calls"]] == ["é.py", "b.py"]
    assert failed == {"role": "tool", "tool_call_id": "call_a", "content": "Error:\nno such file"}
    assert seen == {"role": "tool", "tool_call_id": "call_b", "content": "It is shown below."}
    assert [part["type"] for part in shown["content"]] == ["image_url"]


def test_what_is_too_long_is_told_so_that_clients_ask_for_less(client: anthropic.Anthropic, upstream: Upstream) -> None:
    said = (
        "This model's maximum context length is 40960 tokens and your request has 21024 input tokens (32000 > 19936)."
    )
    upstream.canned[CHAT] = {"error": {"message": f"'max_tokens' is too large: 32000. {said}", "code": 400}}
    with pytest.raises(anthropic.BadRequestError, match=r"exceed context limit: 21024 \+ 32000 > 40960"):
        client.messages.create(model="gpt-x", max_tokens=9, messages=HELLO)
    upstream.canned.clear()
    upstream.script.append("context")
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long"):
        client.messages.create(model="gpt-x", max_tokens=9, messages=HELLO)


def test_a_client_is_told_when_to_ask_again(client: anthropic.Anthropic, upstream: Upstream) -> None:
    upstream.script.append("429:7")
    with pytest.raises(anthropic.RateLimitError) as limited:
        client.messages.create(model="gpt-x", max_tokens=9, messages=HELLO)
    error: Any = limited.value.body
    assert error["error"]["type"] == "rate_limit_error" and limited.value.response.headers["retry-after"] == "7"
    upstream.script.append("503")
    with pytest.raises(anthropic.APIStatusError) as full:
        client.messages.create(model="gpt-x", max_tokens=9, messages=HELLO)
    error = full.value.body
    assert full.value.status_code == 503 and error["error"]["type"] == "overloaded_error"


def test_an_answer_that_broke_off_ends_its_stream_in_an_error(client: anthropic.Anthropic, upstream: Upstream) -> None:
    upstream.canned[CHAT] = events({"content": "Hal"}, finish="abort")
    asking = client.messages.stream(model="gpt-x", max_tokens=64, messages=HELLO)
    told: list[str] = []
    with asking as stream, pytest.raises(anthropic.APIStatusError, match="broke the answer off"):
        told.extend(stream.text_stream)
    assert told == ["Hal"]


def test_arguments_nested_too_deep_are_the_providers_fault(client: anthropic.Anthropic, upstream: Upstream) -> None:
    call = {"id": "c1", "function": {"name": "read", "arguments": '{"a":' * 500 + "1" + "}" * 500}}
    choice = {"index": 0, "message": {"content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}
    upstream.canned[CHAT] = {"id": "chatcmpl-1", "model": "gpt-x", "choices": [choice]}
    with pytest.raises(anthropic.InternalServerError) as failed:
        client.messages.create(model="gpt-x", max_tokens=64, messages=HELLO, tools=TOOLS)
    assert failed.value.status_code == 502


def test_a_long_silence_shows_comments_which_clients_pass_over(tmp_path: Path, upstream: Upstream) -> None:
    main = {"base_url": upstream.url, "max_retries": 0, "models": ["gpt-x"]}
    gateway = RunningGateway(tmp_path, providers={"main": main}, stream_keep_alive=0.1)
    upstream.faults["gpt-x"] = "held:2"
    threading.Timer(1.5, upstream.hold()).start()
    with connected(gateway) as client, client.messages.stream(model="gpt-x", max_tokens=64, messages=HELLO) as stream:
        assert stream.get_final_text() == "Hello from the upstream."
    threading.Timer(1.5, upstream.hold()).start()
    assert ": keep-alive" in asked(gateway, agents_request(HELLO)).text
    gateway.stop()


def test_tokens_are_counted_about(client: anthropic.Anthropic, upstream: Upstream) -> None:
    assert 0 < client.messages.count_tokens(model="gpt-x", messages=HELLO).input_tokens < 100
    assert client.messages.count_tokens(model="gpt-x", messages=HELLO, tools=TOOLS).input_tokens > 30
    with pytest.raises(anthropic.NotFoundError):
        client.messages.count_tokens(model="gpt-none", messages=HELLO)
    with pytest.raises(anthropic.BadRequestError, match="messages"):
        client.messages.count_tokens(model="gpt-x", messages="hi")  # type: ignore[arg-type]
    with pytest.raises(anthropic.AuthenticationError):
        client.with_options(api_key="sk-nobody").messages.count_tokens(model="gpt-x", messages=HELLO)
    assert not upstream.requests
