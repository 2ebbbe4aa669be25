"""Our transformers server with the bundled chat model."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from chute_models.supervisor import Supervisor
from tests.engines.conftest import Door

pytestmark = pytest.mark.engines
CHAT, TEXT = "/v1/chat/completions", "/v1/completions"
QUESTION: dict[str, Any] = {"messages": [{"role": "user", "content": "What is a chute?"}], "temperature": 0}
ENDLESS: dict[str, Any] = {
    "messages": [{"role": "user", "content": "hello"}],
    "logit_bias": {"2": -100, "0": -100},
    "n": 16,
}
"""The end token is forbidden: it goes on until the context is full, 16 times."""
TOKENS = 16 * 900
"""That `ENDLESS` gets if nobody stops it, at least."""


async def answer(chat: Door, **changes: Any) -> dict[str, Any]:
    reply = await chat.post(CHAT, {**QUESTION, **changes})
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def words(reply: dict[str, Any], index: int = 0) -> str:
    return str(reply["choices"][index]["message"]["content"])


async def test_it_answers_a_known_question(chat: Door) -> None:
    reply = await answer(chat)
    assert "chute" in words(reply).lower()
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert reply["model"] == "demo-chat"
    usage = reply["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


async def test_content_parts_and_system_messages(chat: Door) -> None:
    parts = [{"type": "text", "text": "What is "}, {"type": "text", "text": "a chute?"}]
    messages = [{"role": "user", "content": parts}]
    assert words(await answer(chat, messages=messages)) == words(await answer(chat))
    await answer(chat, messages=[{"role": "developer", "content": "Be brief."}, *messages])


async def test_a_stream_says_the_same_and_counts(chat: Door) -> None:
    whole = await answer(chat)
    chunks = await chat.chunks(CHAT, {**QUESTION, "stream_options": {"include_usage": True}})
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    said = [choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"]]
    assert "".join(said) == words(whole)
    assert len(said) > 5
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"] == whole["usage"]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert all("usage" not in chunk for chunk in await chat.chunks(CHAT, QUESTION))


async def test_stop_strings_and_limits(chat: Door) -> None:
    full = words(await answer(chat))
    stop = full.split()[3]
    stopped = await answer(chat, stop=[stop, "never said"])
    assert words(stopped) == full.partition(stop)[0]
    assert stopped["choices"][0]["finish_reason"] == "stop"
    assert stopped["choices"][0]["stop_reason"] == stop
    for limit in ("max_tokens", "max_completion_tokens"):
        cut = await answer(chat, **{limit: 4})
        assert cut["choices"][0]["finish_reason"] == "length"
        assert cut["usage"]["completion_tokens"] == 4
        assert full.startswith(words(cut))


async def test_choices_seeds_and_log_probabilities(chat: Door) -> None:
    wild = {"prompt": "qx", "temperature": 2.0, "seed": 7, "n": 4, "max_tokens": 12}
    first, second = [(await chat.post(TEXT, wild)).json()["choices"] for _ in range(2)]
    assert first == second
    assert [choice["index"] for choice in first] == [0, 1, 2, 3]
    assert len({choice["text"] for choice in first}) > 1
    told = (await answer(chat, logprobs=True, top_logprobs=2))["choices"][0]["logprobs"]["content"]
    assert all(one["logprob"] <= 0 and len(one["top_logprobs"]) == 2 for one in told)
    assert told[0]["token"] == told[0]["top_logprobs"][0]["token"]


async def test_completions(chat: Door) -> None:
    reply = (await chat.post(TEXT, {"prompt": ["one", "two"], "max_tokens": 3, "temperature": 0, "n": 2})).json()
    assert [choice["index"] for choice in reply["choices"]] == [0, 1, 2, 3]
    assert reply["object"] == "text_completion"
    chunks = await chat.chunks(TEXT, {"prompt": "one", "max_tokens": 3, "temperature": 0})
    assert "".join(choice["text"] for chunk in chunks for choice in chunk["choices"]) == reply["choices"][0]["text"]


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role", "invalid_value"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages[0].content[0]",
            "invalid_value",
        ),
        ({"temperature": -1}, "temperature", "invalid_value"),
        ({"n": 99}, "n", "invalid_value"),
        ({"stop": [""]}, "stop", "invalid_value"),
        ({"max_tokens": 5000}, "messages", "context_length_exceeded"),
        ({"messages": [{"role": "user", "content": "word " * 2000}]}, "messages", "context_length_exceeded"),
        ({"messages": [{"role": "user", "content": "x" * 1_000_000}]}, "messages", "context_length_exceeded"),
        ({"response_format": {"type": "json_object"}}, "response_format", "unsupported_parameter"),
        ({"structured_outputs": {"choice": ["yes"]}}, "structured_outputs", "unsupported_parameter"),
        ({"guided_choice": ["yes"]}, "guided_choice", "unsupported_parameter"),
        ({"logit_bias": {"99999": 1}}, "logit_bias", "invalid_value"),
        ({"stream": "yes"}, "stream", "invalid_value"),
        ({"model": "other"}, "model", "model_not_found"),
    ],
)
async def test_refusals_name_the_field(chat: Door, changes: dict[str, Any], param: str, code: str) -> None:
    reply = await chat.post(CHAT, {**QUESTION, **changes})
    assert reply.status_code == (404 if code == "model_not_found" else 400)
    error = reply.json()["error"]
    assert (error["param"], error["code"], error["type"]) == (param, code, "invalid_request_error")
    streamed = await chat.post(CHAT, {**QUESTION, "stream": True, **changes})
    assert streamed.json() == reply.json()


async def test_bodies_that_are_no_objects(chat: Door) -> None:
    async with httpx.AsyncClient() as client:
        for body in (b"", b"[]", b"{", b"\xff", b"[" * 100_000):
            reply = await client.post(chat.address + CHAT, content=body, headers=chat.headers)
            assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_json")


async def test_tools_that_need_not_be_used(chat: Door) -> None:
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
    assert "chute" in words(await answer(chat, tools=[tool], tool_choice="auto")).lower()
    forced = await chat.post(CHAT, {**QUESTION, "tools": [tool], "tool_choice": "required"})
    assert forced.json()["error"]["code"] == "unsupported_parameter"
    nameless = await chat.post(CHAT, {**QUESTION, "tools": [{"type": "function"}]})
    assert nameless.json()["error"]["param"] == "tools[0].function.name"


async def test_the_secret_is_asked_everywhere_but_health(chat: Door) -> None:
    async with httpx.AsyncClient() as client:
        assert (await client.get(chat.address + "/health")).status_code == 200
        for path in ("/metrics", "/v1/models", "/nowhere"):
            reply = await client.get(chat.address + path, headers={"authorization": "Bearer wrong"})
            assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")
        models = (await client.get(chat.address + "/v1/models", headers=chat.headers)).json()
        assert [model["id"] for model in models["data"]] == ["demo-chat"]
        assert (await client.get(chat.address + "/nowhere", headers=chat.headers)).json()["error"][
            "code"
        ] == "not_found"


@pytest.mark.parametrize("stream", [True, False])
async def test_work_ends_when_the_caller_leaves(chat: Door, stream: bool) -> None:
    body = json.dumps({"model": chat.model, "stream": stream, **ENDLESS})
    before = await chat.gauge("engine:generation_tokens_total")
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ReadTimeout):
            async with client.stream(
                "POST", chat.address + CHAT, content=body, headers=chat.headers, timeout=0.2
            ) as reply:
                async for _ in reply.aiter_raw():
                    await asyncio.sleep(0.05)
                    raise httpx.ReadTimeout("enough")
    await chat.working(0)
    assert await chat.gauge("engine:generation_tokens_total") - before < TOKENS


async def test_requests_take_turns(chat: Door) -> None:
    """A short request does not wait for a long one."""
    long = asyncio.create_task(chat.post(CHAT, ENDLESS))
    await chat.working(1)
    await answer(chat, max_tokens=3)
    assert not long.done()
    long.cancel()
    await asyncio.wait({long})
    await chat.working(0)


async def test_a_full_queue_refuses(chat: Door) -> None:
    asked = [asyncio.create_task(chat.post(CHAT, ENDLESS)) for _ in range(100)]
    refused, others = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    for one in others:
        one.cancel()
    await asyncio.wait(asked)
    for reply in (one.result() for one in refused):
        assert (reply.status_code, reply.json()["error"]["code"]) == (429, "overloaded")
        assert reply.headers["retry-after"]
    await chat.working(0)
    assert "chute" in words(await answer(chat))


async def test_the_board_knows_the_engine(board: Supervisor, chat: Door) -> None:
    status = board.status("chat")
    assert status is not None
    assert (status.kind, status.model, status.runtime, status.demo) == ("chat", "demo-chat", "transformers", True)
    assert status.address == chat.address
