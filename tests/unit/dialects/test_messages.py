"""A Messages request as a chat completion, and chat answers told as Messages: as a whole and as a stream."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from gateway.dialects.base import TranslatedStream
from gateway.dialects.messages import MESSAGES
from gateway.errors import GatewayError, InvalidJSON, InvalidRequest, RateLimited, UpstreamBadResponse, UpstreamRefused
from gateway.openai_api.call import Take
from gateway.openai_api.sse import DONE

_EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
_PIXEL = {"type": "base64", "media_type": "image/png", "data": "aGk="}
_PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
_HELLO = [{"role": "user", "content": "Hello"}]
_TOOL = {"name": "weather", "description": "Of a city.", "input_schema": {"type": "object"}, "cache_control": {}}


def _said(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def chat(**more: Any) -> Any:
    request = {"model": "m", "max_tokens": 16, "messages": _HELLO, **more}
    return json.loads(MESSAGES.translate(json.dumps(request).encode()).chat)


def told(messages: list[dict[str, Any]]) -> Any:
    return chat(messages=messages)["messages"]


# --- requests --------------------------------------------------------------------------------------------


def test_a_plain_request() -> None:
    assert chat() == {"model": "m", "max_tokens": 16, "messages": _HELLO}


def test_fields_under_other_names() -> None:
    request = chat(
        stop_sequences=["END"],
        metadata={"user_id": "anna"},
        top_k=5,
        temperature=0.2,
        stream=True,
        tools=[_TOOL],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}, "effort": "high"},
    )
    assert request["stop"] == ["END"] and request["user"] == "anna"
    assert request["top_k"] == 5 and request["temperature"] == 0.2
    assert request["stream"] is True and request["stream_options"] == {"include_usage": True}
    function = {"name": "weather", "description": "Of a city.", "parameters": {"type": "object"}}
    assert request["tools"] == [{"type": "function", "function": function}]
    assert request["tool_choice"] == "required" and request["parallel_tool_calls"] is False
    assert request["response_format"]["json_schema"]["schema"] == {"type": "object"}


def test_what_is_meant_for_anthropics_own_servers_is_left_out() -> None:
    own = {"thinking": {"type": "enabled", "budget_tokens": 9}, "service_tier": "auto", "cache_control": {}, "speed": 1}
    assert chat(**own) == chat()


@pytest.mark.parametrize("field", ["billing_policy", "fallbacks", "anthropic_version"])
def test_fields_of_its_trials_are_left_out(field: str) -> None:
    assert chat(**{field: {"type": "auto"}}) == chat()


def test_a_name_of_a_user_that_is_too_long_for_providers_is_told_by_its_hash() -> None:
    long = "user_" + "0" * 64 + "_account__session_5e0a77f0-9f6f-4bb8-8c53-7ad3b9a2a1b0"
    told = {chat(metadata={"user_id": name})["user"] for name in (long, long, long + "1")}
    assert len(told) == 2 and {len(one) for one in told} == {64}


def test_what_nobody_knows_passes() -> None:
    assert chat(chat_template_kwargs={"enable_thinking": False})["chat_template_kwargs"] == {"enable_thinking": False}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "weather"}, {"type": "function", "function": {"name": "weather"}}),
    ],
)
def test_the_choice_of_a_tool(choice: dict[str, str], expected: object) -> None:
    assert chat(tools=[_TOOL], tool_choice=choice)["tool_choice"] == expected


@pytest.mark.parametrize("system", ["Be brief.", [{"type": "text", "text": "Be brief.", "cache_control": {}}]])
def test_the_system_comes_first(system: object) -> None:
    assert chat(system=system)["messages"] == [{"role": "system", "content": "Be brief."}, *_HELLO]


@pytest.mark.parametrize("line", ["x-anthropic-billing-header: cc_version=2.1.1; cch=%s;"])
@pytest.mark.parametrize(
    "system",
    [
        lambda line: [{"type": "text", "text": line}, {"type": "text", "text": "Be brief."}],
        lambda line: [{"type": "text", "text": f"{line}\nBe brief."}],
        lambda line: f"{line}\nBe brief.",
    ],
)
def test_a_line_for_accounting_that_changes_with_each_request_is_left_out(
    line: str, system: Callable[[str], object]
) -> None:
    first, second = (chat(system=system(line % hash))["messages"] for hash in ("a1", "b2"))
    assert first == second == [{"role": "system", "content": "Be brief."}, *_HELLO]


def test_several_texts_are_one_string_as_every_provider_takes_it() -> None:
    content = [{"type": "text", "text": "A reminder."}, {"type": "text", "text": "Hello", "cache_control": {}}]
    assert told([{"role": "user", "content": content}]) == [{"role": "user", "content": "A reminder.\nHello"}]


def _reminder(text: str) -> str:
    return f"<system-reminder>\n{text}\n</system-reminder>"


def test_what_the_system_says_later_the_user_tells() -> None:
    called = {"role": "assistant", "content": [_CALLED]}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "warm"}
    turns = [
        *_HELLO,
        {"role": "system", "content": "Agents: none."},
        called,
        {"role": "user", "content": [result]},
        {"role": "system", "content": [_said("Be"), _said("quick.")]},
    ]
    first, hello, _, warm, last = chat(system="Be brief.", messages=turns)["messages"]
    assert first == {"role": "system", "content": "Be brief."}
    assert hello == {"role": "user", "content": f"Hello\n{_reminder('Agents: none.')}"}
    assert warm["role"] == "tool" and last == {"role": "user", "content": _reminder("Be\nquick.")}


def test_what_the_system_says_first_is_of_the_system() -> None:
    turns = [{"role": "system", "content": "Be quick."}, *_HELLO, {"role": "system", "content": []}]
    assert chat(system="Be brief.", messages=turns)["messages"] == [
        {"role": "system", "content": "Be brief.\nBe quick."},
        *_HELLO,
    ]


def test_turns_of_the_assistant_in_a_row_are_one() -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "reasoning_content:m"}
    turns = [{"role": "assistant", "content": content} for content in ([thought], "I look.", [_CALLED])]
    calls = [{"id": "t1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]
    answer = {"role": "assistant", "content": "I look.", "reasoning_content": "Hm.", "tool_calls": calls}
    assert told([*_HELLO, *turns]) == [*_HELLO, answer]


def test_results_of_tools_come_right_behind_their_calls() -> None:
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "warm"}
    asked = {"role": "assistant", "content": [_CALLED]}
    turns: list[dict[str, Any]] = [asked, *_HELLO, {"role": "user", "content": [result]}]
    assert [message["role"] for message in told(turns)] == ["assistant", "tool", "user"]


def test_turns_of_the_user_in_a_row_are_one() -> None:
    seen = {"role": "user", "content": [{"type": "image", "source": _PIXEL}]}
    assert told([*_HELLO, *_HELLO]) == [{"role": "user", "content": "Hello\nHello"}]
    assert told([*_HELLO, seen]) == [{"role": "user", "content": [_said("Hello"), _PICTURE]}]


def test_a_text_says_what_it_is_called_and_where_it_is_from() -> None:
    result = {"type": "search_result", "title": "Slides", "source": "https://example.org", "content": [_said("Down.")]}
    document = {"type": "document", "title": "Notes", "source": {"type": "text", "data": "Long ago."}}
    called = {"type": "tool_result", "tool_use_id": "t1", "content": [result]}
    assert told([{"role": "user", "content": [called, document]}]) == [
        {"role": "tool", "tool_call_id": "t1", "content": "Slides\nhttps://example.org\nDown."},
        {"role": "user", "content": "Notes\nLong ago."},
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [("no such file", "Error:\nno such file"), ([_said("no"), _said("file")], "Error:\nno\nfile"), (None, "Error:")],
)
def test_a_tool_that_failed_says_so(content: object, said: str) -> None:
    result = {"type": "tool_result", "tool_use_id": "t1", "is_error": True, "content": content}
    assert told([{"role": "user", "content": [result]}])[0]["content"] == said


def test_a_choice_among_no_tools() -> None:
    assert "tool_choice" not in chat(tools=[], tool_choice={"type": "auto", "disable_parallel_tool_use": True})
    assert chat(tools=[], tool_choice={"type": "none"}) == chat()


_CALLED = {"type": "tool_use", "id": "t1", "name": "weather", "input": {}}


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thoughts_go_back_to_the_model_that_had_them(field: str) -> None:
    call = {"id": "t1", "function": {"name": "weather", "arguments": "{}"}}
    answer = whole(completion({"content": None, field: "Hm.", "tool_calls": [call]}))
    turns = [*_HELLO, {"role": "assistant", "content": answer["content"]}]
    assert told(turns)[1] == {
        "role": "assistant",
        "content": None,
        field: "Hm.",
        "tool_calls": [{"type": "function", **call}],
    }
    assert not {"reasoning", "reasoning_content"} & chat(model="another", messages=turns)["messages"][1].keys()


@pytest.mark.parametrize(
    "thought",
    [
        {"type": "thinking", "thinking": "Hm.", "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pk"},
        {"type": "thinking", "thinking": "Hm.", "signature": ""},
        {"type": "thinking", "thinking": "Hm."},
        {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix"},
    ],
)
def test_thoughts_of_others_are_left_out(thought: dict[str, str]) -> None:
    calls = [{"id": "t1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]
    assert told([{"role": "assistant", "content": [thought, _CALLED]}]) == [
        {"role": "assistant", "content": None, "tool_calls": calls}
    ]


def test_pictures_and_documents() -> None:
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image", "source": _PIXEL},
        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
        {"type": "document", "title": "a.pdf", "source": {**_PIXEL, "media_type": "application/pdf"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Long ago."}},
    ]
    assert told([{"role": "user", "content": content}])[0]["content"] == [
        {"type": "text", "text": "What is this?"},
        _PICTURE,
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="}},
        {"type": "text", "text": "Long ago."},
    ]


def test_calls_and_results_of_tools() -> None:
    messages = [
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "x"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Rom"}},
                {"type": "tool_use", "id": "t2", "name": "map", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "warm"},
                {
                    "type": "tool_result",
                    "tool_use_id": "t2",
                    "content": [{"type": "text", "text": "see"}, {"type": "image", "source": _PIXEL}],
                },
                {"type": "text", "text": "Well?"},
            ],
        },
    ]
    assert told(messages) == [
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [
                {"id": "t1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rom"}'}},
                {"id": "t2", "type": "function", "function": {"name": "map", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "t1", "content": "warm"},
        {"role": "tool", "tool_call_id": "t2", "content": "see"},
        {"role": "user", "content": [_PICTURE, {"type": "text", "text": "Well?"}]},
    ]


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"messages": None}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": ["hi"]}, "messages.0"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"role": "robot", "content": "hi"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "messages.0.content.0.type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content.0.text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file"}}]}]},
            "messages.0.content.0.source.type",
        ),
        ({"messages": [{"role": "assistant", "content": [{"type": "image"}]}]}, "messages.0.content.0.type"),
        ({"system": 7}, "system"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools.0.type"),
        ({"tools": [{"name": "f"}]}, "tools.0.input_schema"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"tool_choice": {"type": {}}}, "tool_choice.type"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"tools": [], "tool_choice": {"type": "tool", "name": "weather"}}, "tool_choice"),
        ({"messages": [{"role": "user", "content": [{"type": [1]}]}]}, "messages.0.content.0.type"),
        ({"mcp_servers": [{"url": "https://example.org"}]}, "mcp_servers"),
        ({"output_config": {"format": {"type": "yaml"}}}, "output_config.format.type"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        chat(**wrong)
    assert refused.value.param == param and f"'{param}'" in refused.value.message


def test_what_is_no_json_is_said() -> None:
    with pytest.raises(InvalidJSON):
        MESSAGES.translate(b"{")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=5)
    | st.sampled_from(["text", "image", "document", "tool_use", "tool_result", "user", "assistant", "base64", "tool"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["type", "text", "content", "role", "source", "id", "name", "input", "tool_use_id", "format"]),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
_FIELDS = st.sampled_from(["messages", "system", "tools", "tool_choice", "metadata", "output_config", "stop_sequences"])


@given(st.dictionaries(_FIELDS, _JSON, max_size=3))
def test_any_request_is_read_or_refused(fields: dict[str, Any]) -> None:
    try:
        request = chat(**fields)
    except InvalidRequest as refused:
        assert refused.param and refused.message
    else:
        assert isinstance(request["messages"], list)


# --- answers ---------------------------------------------------------------------------------------------

Piece = tuple[str, str]
"""What is said in one chunk: `text`, `thought`, or the name of a tool with a piece of its arguments."""


def whole(body: dict[str, Any]) -> dict[str, Any]:
    translation = MESSAGES.translate(json.dumps({"model": "m", "max_tokens": 9, "messages": _HELLO}).encode())
    found: dict[str, Any] = json.loads(translation.answer(json.dumps(body).encode()))
    return found


def completion(message: dict[str, Any], finish: str = "stop") -> dict[str, Any]:
    usage = {"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 3}}
    choices = [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}]
    return {"id": "chatcmpl-7", "model": "up", "choices": choices, "usage": usage}


def test_a_whole_answer() -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rom"}'}}]
    answer = whole(completion({"content": "I look.", "reasoning_content": "Hm.", "tool_calls": calls}, "tool_calls"))
    assert [block["type"] for block in answer["content"]] == ["thinking", "text", "tool_use"]
    assert answer["content"][2] == {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Rom"}}
    assert answer["stop_reason"] == "tool_use" and answer["id"] == "msg_7" and answer["model"] == "up"
    assert answer["usage"]["input_tokens"] == 7 and answer["usage"]["cache_read_input_tokens"] == 3
    Message.model_validate(answer, strict=True)


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("model_length", "max_tokens"),
        ("content_filter", "refusal"),
        ("sensitive", "refusal"),
        ("model_context_window_exceeded", "model_context_window_exceeded"),
        ("eos", "end_turn"),
    ],
)
def test_why_it_ended(finish: str, reason: str) -> None:
    answer = whole(completion({"content": "Hi"}, finish))
    found = accumulated(streamed([[chunk({"content": "Hi"}), chunk({}, finish), DONE]]))
    assert answer["stop_reason"] == found["stop_reason"] == reason
    Message.model_validate(answer, strict=True)


def test_a_refusal_is_one() -> None:
    answer = whole(completion({"content": None, "refusal": "I cannot."}))
    found = accumulated(streamed([[chunk({"refusal": "I can"}), chunk({"refusal": "not."}), chunk({}, "stop"), DONE]]))
    for one in (answer, found):
        assert one["stop_reason"] == "refusal" and one["content"] == [_said("I cannot.")]


@pytest.mark.parametrize("finish", ["error", "abort", "network_error", "insufficient_system_resource"])
def test_an_answer_that_broke_off_is_no_success(finish: str) -> None:
    with pytest.raises(UpstreamBadResponse, match=finish):
        whole(completion({"content": "Hal"}, finish))
    with pytest.raises(UpstreamBadResponse, match=finish):
        streamed([[chunk({"content": "Hal"}), chunk({}, finish), DONE]])


def test_a_call_cut_off_at_the_most_tokens_is_told_without_arguments() -> None:
    calls = [{"id": f"c{n}", "function": {"name": "f", "arguments": text}} for n, text in enumerate(('{"n":1}', '{"n'))]
    answer = whole(completion({"content": None, "tool_calls": calls}, "length"))
    assert [block["input"] for block in answer["content"]] == [{"n": 1}, {}] and answer["stop_reason"] == "max_tokens"


@pytest.mark.parametrize("text", ["", " ", "null", None, {}])
def test_a_call_without_arguments(text: object) -> None:
    call = {"index": 0, "id": "c1", "function": {"name": "f", "arguments": text}}
    answer = whole(completion({"content": None, "tool_calls": [call]}, "tool_calls"))
    found = accumulated(streamed([[chunk({"tool_calls": [call]}), chunk({}, "tool_calls"), DONE]]))
    assert answer["content"] == found["content"] == [{"type": "tool_use", "id": "c1", "name": "f", "input": {}}]


@pytest.mark.parametrize("ids", [(None, None), ("", ""), ("c", "c")])
def test_each_call_has_an_id_of_its_own_whatever_its_provider_gives(ids: tuple[str | None, str | None]) -> None:
    calls = [{"index": n, "id": one, "function": {"name": "f", "arguments": "{}"}} for n, one in enumerate(ids)]
    events = [chunk({"tool_calls": [call]}) for call in calls]
    found = [
        block["id"]
        for _ in range(2)
        for answer in (
            whole(completion({"content": None, "tool_calls": calls})),
            accumulated(streamed([[*events, chunk({}, "stop"), DONE]])),
        )
        for block in answer["content"]
    ]
    assert len(found) == 8 and len(set(found) - {"c"}) == 8 - found.count("c") and found.count("c") in (0, 4)


def test_messages_of_a_provider_that_gives_no_ids_and_no_model() -> None:
    answers = [whole({**completion({"content": "Hi"}), "id": None, "model": None}) for _ in range(2)]
    started = [streamed([[chunk(None, id="", model=""), *chunks([("text", "Hi")])]])[0]["message"] for _ in range(2)]
    assert len({answer["id"] for answer in (*answers, *started)}) == 4
    assert {answer["model"] for answer in (*answers, *started)} == {"m"}


@pytest.mark.parametrize("depth", [300, 900, 5000])
@pytest.mark.parametrize("as_text", [True, False])
def test_arguments_nested_too_deep_are_the_providers_fault(depth: int, as_text: bool) -> None:
    nested = '{"a":' * depth + "1" + "}" * depth
    body = json.dumps(completion({"content": None, "tool_calls": [{"function": {"name": "f", "arguments": "@"}}]}))
    translation = MESSAGES.translate(json.dumps({"model": "m", "max_tokens": 9, "messages": _HELLO}).encode())
    with pytest.raises(UpstreamBadResponse):
        translation.answer(body.replace('"@"', json.dumps(nested) if as_text else nested).encode())


def test_numbers_of_tokens_below_zero_are_none() -> None:
    usage = {"prompt_tokens": -5, "completion_tokens": -1, "prompt_tokens_details": {"cached_tokens": -2}}
    answer = whole({**completion({"content": "Hi"}), "usage": usage})
    assert not any(answer["usage"].values())


def test_arguments_that_are_no_object_are_the_providers_fault() -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{oops"}}]
    with pytest.raises(UpstreamBadResponse, match="'f'"):
        whole(completion({"content": None, "tool_calls": calls}))


class Source:
    """A chat stream that gives its events in these portions."""

    usage = None

    def __init__(self, portions: Iterable[list[bytes]]) -> None:
        self._portions = portions

    async def pour(self, take: Take) -> None:
        for portion in self._portions:
            if (waiting := take(portion)) is not None:
                await waiting

    async def aclose(self) -> None: ...


def streamed(portions: Iterable[list[bytes]]) -> list[Any]:
    """The documents of all events; comments as texts."""
    request = {"model": "m", "max_tokens": 9, "messages": _HELLO, "stream": True}
    translation = MESSAGES.translate(json.dumps(request).encode())
    pieces: list[bytes] = []
    asyncio.run(TranslatedStream(Source(portions), translation).pour(pieces.extend))
    found: list[Any] = []
    for piece in pieces:
        assert piece.endswith(b"\n\n") and piece.count(b"\n\n") == 1
        kind, _, data = piece.decode().strip().partition("\n")
        found.append(json.loads(data.removeprefix("data: ")) if data else kind)
        assert kind.startswith(":") or found[-1]["type"] == kind.removeprefix("event: ")
    return found


def chunk(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> bytes:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}] if delta is not None else []
    return b"data: %b\n\n" % json.dumps({"id": "chatcmpl-7", "model": "up", "choices": choices, **more}).encode()


def chunks(pieces: Iterable[Piece]) -> list[bytes]:
    """With a first chunk that names the role, and usage behind the end, as providers send them."""
    events = [chunk({"role": "assistant", "content": ""})]
    calls: list[str] = []
    for kind, text in pieces:
        if kind in ("text", "thought"):
            events.append(chunk({"content" if kind == "text" else "reasoning_content": text}))
            continue
        function: dict[str, str] = {"arguments": text}
        call: dict[str, Any] = {"index": len(calls), "function": function}
        if not calls or calls[-1] != kind:
            calls.append(kind)
            function["name"] = kind
            call |= {"index": len(calls) - 1, "id": f"c{len(calls)}", "type": "function"}
        else:
            call["index"] = len(calls) - 1
        events.append(chunk({"tool_calls": [call]}))
    usage = {"prompt_tokens": 10, "completion_tokens": 4}
    return [*events, chunk({}, "stop"), chunk(None, usage=usage), b"data: [DONE]\n\n"]


def joined(pieces: Iterable[Piece]) -> dict[str, Any]:
    """The message that a whole answer of the same pieces has."""
    said: dict[str, Any] = {"content": "", "reasoning_content": "", "tool_calls": []}
    last = ""
    for kind, text in pieces:
        if kind == "text":
            said["content"] += text
        elif kind == "thought":
            said["reasoning_content"] += text
        elif said["tool_calls"] and last == kind:
            said["tool_calls"][-1]["function"]["arguments"] += text
        else:
            number = len(said["tool_calls"]) + 1
            said["tool_calls"].append({"id": f"c{number}", "function": {"name": kind, "arguments": text}})
        last = kind if kind not in ("text", "thought") else last
    return said


_ARGUMENTS = json.dumps({"city": "Rom", "n": [1, 2]})
_CALL = st.tuples(st.sampled_from("fgh"), st.integers(1, 3))


@given(
    st.lists(st.text(min_size=1), max_size=3),
    st.lists(st.text(min_size=1), max_size=3),
    st.lists(_CALL, unique_by=lambda call: call[0], max_size=3),
    st.integers(1, 9),
)
def test_a_stream_says_what_the_whole_answer_says(
    thoughts: list[str], texts: list[str], calls: list[tuple[str, int]], size: int
) -> None:
    pieces = [("thought", one) for one in thoughts] + [("text", one) for one in texts]
    pieces += [(name, part) for name, parts in calls for part in _cut(_ARGUMENTS, parts)]
    events = chunks(pieces)
    found = streamed([events[start : start + size] for start in range(0, len(events), size)])
    message, expected = accumulated(found), whole(completion(joined(pieces)))
    assert message["content"] == expected["content"]
    assert message["stop_reason"] == expected["stop_reason"] and message["usage"]["input_tokens"] == 10


def accumulated(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The message that these events tell; each of them is one of those that the official client knows."""
    message: dict[str, Any] = {}
    arguments = ""
    for document in events:
        _EVENT.validate_python(document)
        kind = document["type"]
        if kind == "message_start":
            message = document["message"]
        elif kind == "content_block_start":
            message["content"].append(document["content_block"])
            arguments = ""
        elif kind == "content_block_delta":
            block, delta = message["content"][document["index"]], document["delta"]
            arguments += delta.get("partial_json", "")
            for name in ("text", "thinking", "signature"):
                if name in delta:
                    block[name] += delta[name]
        elif kind == "content_block_stop" and arguments:
            message["content"][document["index"]]["input"] = json.loads(arguments)
        elif kind == "message_delta":
            message |= {**document["delta"], "usage": document["usage"]}
    return message


def _cut(text: str, parts: int) -> list[str]:
    size = -(-len(text) // parts)
    return [text[start : start + size] for start in range(0, len(text), size)]


def test_blocks_follow_each_other() -> None:
    found = streamed([chunks([("thought", "Hm."), ("text", "I look."), ("f", "{}"), ("g", "{}")])])
    assert [(d["type"], d.get("index")) for d in found if "index" in d and "delta" not in d] == [
        (f"content_block_{what}", n) for n in range(4) for what in ("start", "stop")
    ]
    assert [found[0]["type"], found[-2]["type"], found[-1]["type"]] == [
        "message_start",
        "message_delta",
        "message_stop",
    ]


@pytest.mark.parametrize("index", [None, 0])
def test_calls_that_have_no_numbers_of_their_own(index: int | None) -> None:
    first = {"index": index, "id": "a", "function": {"name": "f", "arguments": '{"n"'}}
    rest = {"index": index, "function": {"arguments": ": 1}"}}
    second = {"index": index, "id": "b", "function": {"name": "g", "arguments": "{}"}}
    events = [chunk({"tool_calls": [call]}) for call in (first, rest, second)]
    message = accumulated(streamed([[*events, chunk({}, "tool_calls"), b"data: [DONE]\n\n"]]))
    assert [(block["id"], block["name"], block["input"]) for block in message["content"]] == [
        ("a", "f", {"n": 1}),
        ("b", "g", {}),
    ]


def test_arguments_of_a_call_that_was_whole_are_the_providers_fault() -> None:
    calls = [{"index": n, "id": f"c{n}", "function": {"name": "f", "arguments": "{}"}} for n in range(2)]
    blank, late = ({"index": 0, "function": {"arguments": text}} for text in ("\n", '{"n":1}'))
    streamed([[chunk({"tool_calls": [call]}) for call in (*calls, blank)]])
    with pytest.raises(UpstreamBadResponse, match="were whole"):
        streamed([[chunk({"tool_calls": [call]}) for call in (*calls, late)]])


def test_arguments_of_a_call_that_never_began_are_the_providers_fault() -> None:
    with pytest.raises(UpstreamBadResponse, match="never began"):
        streamed([[chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]})]])


def test_calls_without_ids_and_numbers_that_come_whole() -> None:
    calls = [{"function": {"name": "f", "arguments": json.dumps({"n": n})}} for n in range(3)]
    events = [chunk({"tool_calls": [call]}) for call in calls]
    message = accumulated(streamed([[*events, chunk({}, "tool_calls"), DONE]]))
    assert [block["input"] for block in message["content"]] == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_a_call_that_is_named_with_each_of_its_pieces() -> None:
    pieces = [{"function": {"name": "f", "arguments": text}} for text in ('{"n"', ":1}", "")]
    events = [chunk({"tool_calls": [piece]}) for piece in pieces]
    message = accumulated(streamed([[*events, chunk({}, "tool_calls"), DONE]]))
    assert [block["input"] for block in message["content"]] == [{"n": 1}]


_MIXED = st.lists(st.sampled_from(["text", "thought", 0, 3, 4]), max_size=24)
"""Who says something next: a voice, or the call of that number."""


@given(_MIXED, st.integers(1, 9))
def test_whatever_a_provider_mixes_is_told_in_blocks_one_after_the_other(turns: list[str | int], parts: int) -> None:
    rest = {turn: _cut(_ARGUMENTS, parts) for turn in turns if isinstance(turn, int)}
    begun: list[int] = []
    events: list[bytes] = []
    for turn in [*turns, *(call for call, pieces in rest.items() for _ in pieces)]:
        if isinstance(turn, str):
            events.append(chunk({"content" if turn == "text" else "reasoning_content": "ab "}))
            continue
        call: dict[str, Any] = {"index": turn, "function": {"arguments": rest[turn].pop(0) if rest[turn] else ""}}
        if turn not in begun:
            begun.append(turn)
            call["id"], call["function"]["name"] = f"c{turn}", "f"
        events.append(chunk({"tool_calls": [call]}))
    found = streamed([[one] for one in [*events, chunk({}, "stop"), DONE]])
    message = accumulated(found)
    calls = [block for block in message["content"] if block["type"] == "tool_use"]
    assert [block["id"] for block in calls] == [f"c{turn}" for turn in begun]
    assert all(block["input"] == json.loads(_ARGUMENTS) for block in calls)
    for kind, name in (("text", "text"), ("thinking", "thought")):
        said = "".join(block[kind] for block in message["content"] if block["type"] == kind)
        assert said == "ab " * turns.count(name)
    order = [(document["type"], document["index"]) for document in found if "index" in document]
    assert order == sorted(order, key=lambda one: (one[1], _ORDER.index(one[0])))


_ODD_TEXT: st.SearchStrategy[Any] = st.sampled_from(
    [None, "", " ", "a", "}", '{"n":', "1}", "{}", "null", [], [{"text": "a"}, {}], {}]
)
_ODD_CALL = st.fixed_dictionaries(
    {
        "function": st.fixed_dictionaries(
            {}, optional={"name": st.sampled_from([None, "", "f", "g"]), "arguments": _ODD_TEXT}
        )
    },
    optional={"index": st.sampled_from([None, 0, 1, 7]), "id": st.sampled_from([None, "", "c1", "c2"])},
)
_ODD_DELTA = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("content", "reasoning_content", "reasoning", "refusal"), _ODD_TEXT),
        "tool_calls": st.none() | st.lists(_ODD_CALL, max_size=3),
    },
)


@given(st.lists(_ODD_DELTA, max_size=12), st.sampled_from(["stop", "length", "tool_calls", "error", "", None]))
def test_any_stream_is_told_in_order_or_refused(deltas: list[dict[str, Any]], finish: str | None) -> None:
    events = [chunk({}), *map(chunk, deltas), chunk({}, finish), DONE]
    try:
        found = streamed([[one] for one in events])
    except UpstreamBadResponse:
        return
    for document in found:
        _EVENT.validate_python(document)
    order = [(document["type"], document["index"]) for document in found if "index" in document]
    assert order == sorted(order, key=lambda one: (one[1], _ORDER.index(one[0])))
    starts = [index for kind, index in order if kind == _ORDER[0]]
    assert starts == [index for kind, index in order if kind == _ORDER[2]] == list(range(len(starts)))
    assert [found[0]["type"], found[-1]["type"]] == ["message_start", "message_stop"]


_ORDER = ("content_block_start", "content_block_delta", "content_block_stop")


@pytest.mark.parametrize("waits", [True, False])
def test_what_was_said_before_a_failure_is_told_first(waits: bool) -> None:
    pieces: list[bytes] = []

    async def written() -> None: ...

    def take(some: list[bytes]) -> Awaitable[None] | None:
        pieces.extend(some)
        return written() if waits else None

    translation = MESSAGES.translate(json.dumps({"model": "m", "max_tokens": 9, "messages": _HELLO}).encode())
    source = Source([[chunk({"content": "Hal"}), chunk({}, "abort"), DONE]])
    with pytest.raises(UpstreamBadResponse, match="abort"):
        asyncio.run(TranslatedStream(source, translation).pour(take))
    assert b'"text":"Hal"' in pieces[-1]


def test_comments_pass() -> None:
    assert streamed([[b": keep-alive\n\n"], chunks([("text", "Hi")])])[0] == ": keep-alive"


def test_an_answer_that_begins_anew_cannot_be_told() -> None:
    with pytest.raises(UpstreamBadResponse):
        streamed([[chunk({"content": "Hal"}), chunk(None, gateway={"restart": True})]])


# --- errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidRequest("No.", param="model"), "invalid_request_error"),
        (RateLimited("Later.", retry_after=3), "rate_limit_error"),
        (UpstreamBadResponse("Garbage."), "api_error"),
    ],
)
def test_errors_in_the_shape_of_that_api(error: GatewayError, kind: str) -> None:
    status, headers, body = MESSAGES.render(error, "req-1")
    document = json.loads(body)
    assert status == error.http_status and ("request-id", "req-1") in headers
    assert document["type"] == "error" and document["error"]["type"] == kind and document["request_id"] == "req-1"
    assert document["error"]["message"] == error.message and document["error"]["param"] == error.param
    assert MESSAGES.render_event(error, "req-1").startswith(b'event: error\ndata: {"type":"error","error":{"type":"')


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (1000 in the"
            " messages, 4000 in the completion). Please reduce the length.",
            "input length and `max_tokens` exceed context limit: 1000 + 4000 > 4096",
        ),
        (
            "'max_tokens' or 'max_completion_tokens' is too large: 32000. This model's maximum context length is 40960"
            " tokens and your request has 21024 input tokens (32000 > 40960 - 21024).",
            "input length and `max_tokens` exceed context limit: 21024 + 32000 > 40960",
        ),
        (
            "Requested token count exceeds the model's maximum context length of 32768 tokens. You requested a total of"
            " 40000 tokens: 8000 tokens from the input messages and 32000 tokens for the completion.",
            "input length and `max_tokens` exceed context limit: 8000 + 32000 > 32768",
        ),
        (
            "This endpoint's maximum context length is 100000 tokens. However, you requested about 107978 tokens (4502"
            " of text input, 3476 of tool input, 100000 in the output).",
            "input length and `max_tokens` exceed context limit: 7978 + 100000 > 100000",
        ),
        (
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 150000 tokens.",
            "prompt is too long: 150000 tokens > 128000 maximum",
        ),
        (
            "The input (233864 tokens) is longer than the model's context length (202752 tokens).",
            "prompt is too long: 233864 tokens > 202752 maximum",
        ),
        (
            "Invalid request: Your request exceeded model token limit: 262144 (requested: 291351)",
            "prompt is too long: 291351 tokens > 262144 maximum",
        ),
        (
            "Input length 131393 exceeds the maximum allowed input length of 131040 tokens.",
            "prompt is too long: 131393 tokens > 131040 maximum",
        ),
        ("Too many tokens, sorry.", "prompt is too long: Too many tokens, sorry."),
        ("The context length is " + "9" * 5000, "prompt is too long: The context length is " + "9" * 5000),
    ],
)
def test_what_is_too_long_is_told_in_the_words_that_clients_look_for(said: str, told: str) -> None:
    error = UpstreamRefused(said, code="context_length_exceeded")
    assert json.loads(MESSAGES.render(error, "req-1")[2])["error"]["message"] == told
    assert (
        json.loads(MESSAGES.render_event(error, "req-1").split(b"data: ")[1])["error"]["type"]
        == "invalid_request_error"
    )


# --- what Anthropic's servers keep or do -----------------------------------------------------------------


@pytest.mark.parametrize("thread", [{"type": "create"}, {"type": "continue", "previous_message_id": "msg_1"}])
def test_a_thread_is_refused_as_its_earlier_messages_are_not_here(thread: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest, match="'messages'") as refused:
        chat(thread=thread)
    assert refused.value.param == "thread"
    error = json.loads(MESSAGES.render(refused.value, "req-1")[2])["error"]
    assert error["details"] == {"error_code": "thread_unsupported_request"}
    assert chat(thread=None) == chat()


def test_a_summary_that_nobody_makes_here_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="summary") as refused:
        chat(compaction={"type": "summarize"})
    assert (refused.value.param, refused.value.error_code) == ("compaction", "unsupported_parameter")


def test_what_tools_of_its_servers_did_is_left_out() -> None:
    did = [
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "Rom"}},
        {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
        {"type": "mcp_tool_use", "id": "s2", "name": "look", "server_name": "m", "input": {}},
        {"type": "mcp_tool_result", "tool_use_id": "s2", "is_error": False, "content": []},
        {"type": "text", "text": "Warm."},
    ]
    assert told([*_HELLO, {"role": "assistant", "content": did}, *_HELLO])[1] == {
        "role": "assistant",
        "content": "Warm.",
    }


def test_a_tool_that_a_search_found_is_told() -> None:
    found = {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "tool_reference", "tool_name": "look"}]}
    assert told([{"role": "user", "content": [found]}])[0]["content"] == "Found the tool 'look'."


# --- errors found in the chat ----------------------------------------------------------------------------


def _named(messages: list[dict[str, Any]], error: GatewayError, **more: Any) -> GatewayError:
    request = {"model": "m", "max_tokens": 9, "system": "Be brief.", "messages": messages, **more}
    return MESSAGES.translate(json.dumps(request).encode()).named(error)


_TURNS: Any = [
    {"role": "user", "content": "Look."},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "look", "input": {}}]},
    {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "image", "source": _PIXEL}]},
            {"type": "text", "text": "And this?"},
            {"type": "image", "source": _PIXEL},
        ],
    },
]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("messages[4].content[2]: no.", "messages.2.content.2: no."),
        ("messages.[4].content.[0] is wrong", "messages.2.content.0.content.0 is wrong"),
        ("messages.3.content is wrong", "messages.2.content.0.content is wrong"),
        ("'messages[2]' has no answer", "'messages.1' has no answer"),
        ("messages[0] is too long", "system is too long"),
        ("messages[9].content[0]: no.", "messages: no."),
        ("The user's messages.", "The user's messages."),
    ],
)
def test_an_error_names_the_place_in_the_request(said: str, told: str) -> None:
    assert _named(_TURNS, UpstreamRefused(said)).message == told


def test_the_place_is_told_where_only_the_param_has_it() -> None:
    error = _named(_TURNS, InvalidRequest("Too large.", param="messages[4].content[2]"))
    assert (error.param, error.message) == ("messages.2.content.2", "messages.2.content.2: Too large.")


@pytest.mark.parametrize(
    ("field", "own"),
    [
        ("stop", "stop_sequences"),
        ("response_format", "output_config.format"),
        ("user", "metadata.user_id"),
        ("messages", "messages"),
        ("temperature", "temperature"),
    ],
)
def test_an_error_names_the_field_of_the_request(field: str, own: str) -> None:
    before = InvalidRequest(f"'{field}' must be shorter; 'user' may stay.", param=field)
    error = _named(_HELLO, before)
    assert error.param == own and error.message.startswith(f"'{own}' must be shorter")
    assert (before.param, error.http_status, type(error)) == (field, 400, InvalidRequest)


def test_an_error_without_a_field_stays() -> None:
    error = _named(_HELLO, RateLimited("'user' asks too much.", retry_after=3))
    assert (error.message, error.param, error.retry_after) == ("'user' asks too much.", None, 3)


def test_a_picture_of_an_unknown_kind() -> None:
    block = {"type": "image", "source": {**_PIXEL, "media_type": "image/bmp"}}
    with pytest.raises(InvalidRequest, match="image/png") as refused:
        told([{"role": "user", "content": [block]}])
    assert refused.value.param == "messages.0.content.0.source.media_type"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (rb'{"model": "m", "messages": [{"role": "user", "content": "a \ud83d"}]}', "messages.0.content"),
        (rb'{"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "\udc00x"}]}]}',
         "messages.0.content.0.text"),
        (rb'{"model": "m", "\ud83d": 1}', None),
        (rb'{"model": "m", "metadata": {"\uDfff ": 1}}', "metadata"),
    ],
)  # fmt: skip
def test_half_a_character_is_told_as_such(body: bytes, where: str | None) -> None:
    with pytest.raises(InvalidJSON, match="surrogate pair") as refused:
        MESSAGES.translate(body)
    assert refused.value.param == where and (where or "A name") in refused.value.message


@pytest.mark.parametrize(
    ("last", "goes_on"),
    [
        ({"role": "assistant", "content": "{"}, True),
        ({"role": "assistant", "content": [{"type": "text", "text": "{"}]}, True),
        ({"role": "assistant", "content": ""}, False),
        ({"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "look", "input": {}}]}, False),
        ({"role": "user", "content": "Go."}, False),
    ],
)
def test_a_last_message_of_the_assistant_is_to_be_gone_on_with(last: dict[str, Any], goes_on: bool) -> None:
    request = {"model": "m", "max_tokens": 9, "messages": [*_HELLO, last]}
    assert MESSAGES.translate(json.dumps(request).encode()).goes_on is goes_on


# --- stop sequences --------------------------------------------------------------------------------------


def _ended(stops: Any, **choice: Any) -> tuple[str, str | None]:
    """How a whole answer ends, and a stream."""
    request = {"model": "m", "max_tokens": 9, "messages": _HELLO, "stop_sequences": stops}
    translation = MESSAGES.translate(json.dumps(request).encode())
    said = {"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop", **choice}
    answer = json.loads(translation.answer(json.dumps({"choices": [said]}).encode()))
    pieces: list[bytes] = []
    last = {"index": 0, "delta": {}, "finish_reason": "stop", **choice}
    event = f"data: {json.dumps({'choices': [last]})}\n\n".encode()
    asyncio.run(TranslatedStream(Source([[chunk({"content": "Hi"}), event, DONE]]), translation).pour(pieces.extend))
    delta = json.loads(pieces[-2].split(b"data: ")[1])["delta"]
    assert delta == {name: answer[name] for name in ("stop_reason", "stop_sequence")}
    return delta["stop_reason"], delta["stop_sequence"]


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ({"stop_reason": "END"}, ("stop_sequence", "END")),
        ({"matched_stop": "END", "stop_reason": None}, ("stop_sequence", "END")),
        ({"matched_stop": 151645}, ("end_turn", None)),
        ({"stop_reason": "end_turn"}, ("end_turn", None)),
        ({}, ("end_turn", None)),
        ({"stop_reason": "END", "finish_reason": "length"}, ("max_tokens", None)),
    ],
)
def test_the_stop_sequence_that_was_met(choice: dict[str, Any], told: tuple[str, str | None]) -> None:
    assert _ended(["STOP", "END"], **choice) == told


def test_what_was_no_stop_sequence_is_not_told_as_one() -> None:
    assert _ended([], stop_reason="END") == ("end_turn", None)
    assert _ended([""]) == ("end_turn", None)
