"""Chat completions told as responses: whole, as a stream, and the same either way."""

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response

from gateway.dialects.base import TranslatedStream
from gateway.dialects.responses import RESPONSES
from gateway.errors import InvalidRequest, RateLimited, UpstreamBadResponse, UpstreamRefused
from gateway.openai_api.call import Take
from tests.unit.dialects.responses_kit import (
    EVENTS,
    PATCH,
    WEATHER,
    Source,
    call,
    chunk,
    completion,
    messages_of,
    streamed,
    timeless,
    whole,
)

MAPS = {"type": "namespace", "name": "maps", "description": "Maps.", "tools": [{"type": "function", "name": "find"}]}
SEARCH = {"type": "tool_search", "execution": "client", "description": "Finds tools.", "parameters": {"type": "object"}}
TOOLS = [WEATHER, PATCH, MAPS, SEARCH]
TOKEN = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": [{"token": "Ho", "logprob": -1.5}]}


def kinds(events: list[Any]) -> list[str]:
    return [one["type"].removeprefix("response.") for one in events]


# --- whole -----------------------------------------------------------------------------------------------


def test_an_answer_of_every_kind() -> None:
    calls = [call("weather", '{"in":"Bonn"}'), call("patch", '{"input":"+ a"}'), call("maps__find", "{}")]
    message = {"reasoning_content": "Hm.", "content": "I look.", "tool_calls": calls}
    response = whole(completion(message, "tool_calls"), tools=TOOLS)
    assert response["output"] == [
        {"id": "rs_7_0", "type": "reasoning", "status": "completed", "summary": [],
         "content": [{"type": "reasoning_text", "text": "Hm."}]},
        {"id": "msg_7_1", "type": "message", "status": "completed", "role": "assistant",
         "content": [{"type": "output_text", "text": "I look.", "annotations": [], "logprobs": []}]},
        {"id": "fc_7_2", "type": "function_call", "status": "completed", "call_id": "call_weather", "name": "weather",
         "arguments": '{"in":"Bonn"}'},
        {"id": "ctc_7_3", "type": "custom_tool_call", "status": "completed", "call_id": "call_patch", "name": "patch",
         "input": "+ a"},
        {"id": "fc_7_4", "type": "function_call", "status": "completed", "call_id": "call_maps__find", "name": "find",
         "namespace": "maps", "arguments": "{}"},
    ]  # fmt: skip
    assert (response["id"], response["object"], response["created_at"]) == ("resp_7", "response", 1700000000)
    assert (response["status"], response["incomplete_details"], response["model"]) == ("completed", None, "gpt-x")
    assert response["completed_at"] >= 1700000000
    assert response["usage"] == {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 14,
    }


@pytest.mark.parametrize(
    ("arguments", "told"), [('{"query":"map"}', {"query": "map"}), ("", {}), ("map", {}), ("[]", {})]
)
def test_a_search_for_tools_is_the_callers(arguments: str, told: Any) -> None:
    output = whole(completion({"tool_calls": [call("tool_search", arguments)]}), tools=TOOLS)["output"]
    assert output == [
        {"id": "tsc_7_0", "type": "tool_search_call", "status": "completed", "call_id": "call_tool_search",
         "execution": "client", "arguments": told},
    ]  # fmt: skip


def test_a_response_repeats_its_request() -> None:
    request = {
        "instructions": "Be brief.",
        "temperature": 0.5,
        "max_output_tokens": 9,
        "metadata": {"a": "b"},
        "reasoning": {"effort": "low"},
        "text": {"verbosity": "low"},
        "tool_choice": {"type": "function", "name": "weather"},
        "tools": [{"type": "function", "name": "weather"}],
        "store": True,
        "truncation": "auto",
    }
    response = whole(completion({"content": "Hi"}), **request)
    for name in ("instructions", "temperature", "max_output_tokens", "metadata", "tool_choice"):
        assert response[name] == request[name]
    assert response["reasoning"] == {"effort": "low", "summary": None}
    assert response["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert response["tools"] == [
        {"type": "function", "name": "weather", "description": None, "parameters": None, "strict": False}
    ]
    assert (response["store"], response["truncation"], response["parallel_tool_calls"]) == (False, "disabled", True)
    plain = whole(completion({"content": "Hi"}))
    assert (plain["tool_choice"], plain["tools"], plain["metadata"]) == ("auto", [], {})
    assert plain["text"] == {"format": {"type": "text"}} and plain["instructions"] is None


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("length", "max_output_tokens"),
        ("max_tokens", "max_output_tokens"),
        ("model_length", "max_output_tokens"),
        ("model_context_window_exceeded", "max_output_tokens"),
        ("content_filter", "content_filter"),
        ("safety", "content_filter"),
        ("sensitive", "content_filter"),
    ],
)
def test_an_answer_that_is_not_whole(finish: str, reason: str) -> None:
    response = whole(completion({"reasoning": "Hm.", "content": "I l"}, finish))
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": reason})
    assert [item["status"] for item in response["output"]] == ["completed", "incomplete"]
    assert response["completed_at"] is None
    assert whole(completion({"content": None}, finish))["output"] == []


def test_a_refusal_is_a_part_of_the_message() -> None:
    response = whole(completion({"content": "Well.", "refusal": "No."}))
    assert [part["type"] for part in response["output"][0]["content"]] == ["output_text", "refusal"]
    assert response["output"][0]["content"][1] == {"type": "refusal", "refusal": "No."}


def test_logprobs_where_they_were_asked_for() -> None:
    answer = completion({"content": "Hi"}, logprobs={"content": [TOKEN, {**TOKEN, "bytes": None}]})
    found = whole(answer, top_logprobs=1)["output"][0]["content"][0]["logprobs"]
    assert found[0] == {**TOKEN, "top_logprobs": [{"token": "Ho", "logprob": -1.5, "bytes": []}]}
    assert found[1]["bytes"] == []


def test_no_two_responses_share_an_id_even_if_their_completions_do() -> None:
    translation = RESPONSES.translate(b'{"model": "m", "input": "Hello"}')
    completed = json.dumps(completion({"content": "Hi"})).encode()
    first, second = (json.loads(translation.answer(completed)) for _ in range(2))
    assert first["id"] != second["id"] and first["output"][0]["id"] != second["output"][0]["id"]


def test_calls_have_ids_of_their_own_where_the_provider_gives_none_or_one_twice() -> None:
    calls = [{"function": {"name": "f", "arguments": {"a": 1}}}, call("f", "{}"), call("f", "{}")]
    output = whole(completion({"tool_calls": calls}))["output"]
    assert [item["call_id"] for item in output] == ["call_7_0", "call_f", "call_7_2"]
    assert output[0]["arguments"] == '{"a":1}'


@pytest.mark.parametrize("finish", ["tool_calls", "length"])
def test_a_call_without_arguments_is_told_as_json_once_it_is_whole(finish: str) -> None:
    told = [{"index": 0, **call("f", "")}]
    output = whole(completion({"tool_calls": told}, finish))["output"]
    assert output[0]["arguments"] == ("{}" if finish == "tool_calls" else "")
    events = streamed([chunk({"tool_calls": told}, finish)])
    assert events[-1]["response"]["output"] == output == _heard(events)


def test_a_call_of_nothing_is_no_call() -> None:
    filler = [{"index": 0, "function": {"arguments": ""}}, {"function": {"name": ""}}]
    assert whole(completion({"content": "Hi", "tool_calls": filler}))["output"][0]["type"] == "message"
    assert len(streamed([chunk({"content": "Hi", "tool_calls": filler})])[-1]["response"]["output"]) == 1


def test_the_model_that_was_asked_for_where_the_provider_names_none() -> None:
    assert whole({**completion({"content": "Hi"}), "model": None})["model"] == "m"


@pytest.mark.parametrize(("field", "id"), [("reasoning_content", "rs_7_0"), ("reasoning", "rs_7_0_reasoning")])
def test_the_id_of_thoughts_says_how_the_provider_calls_them(field: str, id: str) -> None:
    assert whole(completion({field: "Hm.", "content": "Hi"}))["output"][0]["id"] == id
    assert streamed([chunk({field: "Hm."})])[2]["item"]["id"] == id


@pytest.mark.parametrize("arguments", ["not json", "[1]", '{"text": "x"}'])
def test_a_free_tool_called_with_something_else_gets_that(arguments: str) -> None:
    response = whole(completion({"tool_calls": [call("patch", arguments)]}), tools=TOOLS)
    assert response["output"][0]["input"] == arguments


def test_no_usage_where_the_provider_told_none() -> None:
    assert whole({**completion({"content": "Hi"}), "usage": None})["usage"] is None


@pytest.mark.parametrize(
    "document", [{"choices": []}, completion({"tool_calls": [{"id": "c", "function": {"arguments": "{}"}}]})]
)
def test_an_answer_without_sense(document: Any) -> None:
    with pytest.raises(UpstreamBadResponse):
        whole(document)


# --- streams ---------------------------------------------------------------------------------------------


def test_the_events_of_a_message() -> None:
    events = streamed([chunk({"role": "assistant", "content": ""}), chunk({"content": "He"}), chunk({"content": "y"}),
                       chunk({}, "stop"), chunk(None)])  # fmt: skip
    assert kinds(events) == [
        "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip
    place = {"item_id": "msg_7_0", "output_index": 0, "content_index": 0}
    assert events[4] == {"type": "response.output_text.delta", "sequence_number": 4, **place, "delta": "He",
                         "logprobs": []}  # fmt: skip
    assert events[6] == {"type": "response.output_text.done", "sequence_number": 6, **place, "text": "Hey",
                         "logprobs": []}  # fmt: skip
    assert events[2]["item"]["status"] == "in_progress" and events[2]["item"]["content"] == []
    assert events[0]["response"]["status"] == "in_progress" and events[0]["response"]["usage"] is None
    assert events[-1]["response"]["usage"]["total_tokens"] == 14


def test_the_events_of_thoughts_and_calls() -> None:
    events = streamed(
        [
            chunk({"reasoning_content": "Hm."}),
            chunk({"tool_calls": [call("weather", "", index=0)]}),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}),
            chunk({"tool_calls": [call("patch", '{"input":', index=1)]}),
            chunk({"tool_calls": [{"index": 1, "function": {"arguments": '"+ a"}'}}]}, "tool_calls"),
        ],
        tools=TOOLS,
    )
    assert kinds(events)[2:-1] == [
        "output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.done", "content_part.done",
        "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done",
        "output_item.added", "custom_tool_call_input.delta", "custom_tool_call_input.done", "output_item.done",
    ]  # fmt: skip
    assert events[10]["arguments"] == "{}" and events[10]["name"] == "weather"
    assert events[13]["delta"] == events[14]["input"] == "+ a"
    assert events[-1]["response"]["usage"] is None


def test_the_usage_comes_behind_the_end_and_is_told() -> None:
    events = streamed([chunk({"content": "He"}, "length"), chunk(None)])
    assert kinds(events)[-2:] == ["output_item.done", "incomplete"]
    assert events[-2]["item"]["status"] == "incomplete"
    assert events[-1]["response"]["usage"]["output_tokens"] == 5


def more(arguments: str, **call: Any) -> dict[str, Any]:
    return {"function": {"arguments": arguments}, **call}


WORD = '{"in": "Bonn"}'


@pytest.mark.parametrize(
    "calls",
    [
        [call("weather", WORD, index=0), call("patch", WORD, index=0)],
        [call("weather", WORD), call("patch", WORD)],
        [call("weather", WORD, id=None), call("patch", WORD, id=None)],
        [call("weather", "", id="c"), more(WORD), call("patch", "", id="c"), more(WORD)],
        [call("weather", "", index=0, id=""), more('{"in"', index=0), more(': "Bonn"}', index=0),
         call("patch", WORD, index=0, id="")],
        [call("weather", '{"in"', index=0), call("weather", ': "Bonn"}', index=0), call("weather", "", index=0),
         call("patch", WORD, index=1)],
        [call("weather", '{"in"'), call("patch", '{"in"'), more(': "Bonn"}', id="call_weather"),
         more(': "Bonn"}', id="call_patch")],
        [call("weather", "", index=0), call("patch", "", index=1), more(WORD, index=0), more(WORD, index=1)],
        [call("weather", '{"in"', index=0), call("patch", '{"in"', index=1), more(': "Bonn"}', index=0),
         more(': "Bonn"}', index=1), more("\n", index=0)],
        [call("weather", WORD, index=0), call("patch", WORD, index=1), more(" ", index=0)],
    ],
    ids=["all numbered 0", "not numbered", "no ids", "one id", "empty ids", "names repeated", "told by their ids",
         "arguments behind all names", "arguments in turns", "white space behind the end"],
)  # fmt: skip
def test_calls_that_are_told_badly(calls: list[dict[str, Any]]) -> None:
    events = streamed([chunk({"tool_calls": [one]}) for one in calls])
    output = events[-1]["response"]["output"]
    assert [(item["name"], item["arguments"].strip()) for item in output] == [("weather", WORD), ("patch", WORD)]
    assert len({item["call_id"] for item in output}) == 2
    assert _heard(events) == output


def test_a_call_that_is_whole_ends_when_the_next_begins() -> None:
    calls = [call("weather", "{}", index=0), call("weather", "{", index=1), call("weather", "{}", index=2)]
    told = [(one["type"], one["output_index"]) for one in streamed([chunk({"tool_calls": calls})]) if "item" in one]
    assert [place for kind, place in told if kind.endswith("added")] == [0, 1, 2]
    assert [place for kind, place in told if kind.endswith("done")] == [0, 1, 2]
    assert told.index(("response.output_item.done", 0)) < told.index(("response.output_item.added", 1))
    assert told.index(("response.output_item.done", 1)) > told.index(("response.output_item.added", 2))


def test_more_of_a_call_that_was_whole_is_no_answer() -> None:
    pieces: list[Any] = [call("weather", "{}", index=0), call("patch", "{", index=1), more("}", index=0)]
    with pytest.raises(UpstreamBadResponse, match="whole"):
        streamed([chunk({"tool_calls": [one]}) for one in pieces], tools=TOOLS)


def test_an_error_event_is_read_by_openais_clients() -> None:
    kind, data = RESPONSES.render_event(RateLimited("Too much."), "req-1").decode().removesuffix("\n\n").split("\n")
    document = json.loads(data.removeprefix("data: "))
    EVENTS["error"].model_validate(document)
    assert kind == "event: error" and document["message"] == document["error"]["message"] == "Too much."
    assert document["code"] == document["error"]["code"] == "rate_limit_exceeded"
    assert document["error"]["type"] == "rate_limit_error"


GIVEN: Any = [
    {"role": "developer", "content": "Be brief."},
    {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
    {
        "type": "function_call_output",
        "call_id": "c1",
        "output": [{"type": "input_image", "image_url": "https://a.example/b.png"}],
    },
    {
        "role": "user",
        "content": [
            {"type": "input_text", "text": "And this?"},
            {"type": "input_image", "image_url": "https://a.example/c.png"},
        ],
    },
]


@pytest.mark.parametrize(
    ("given", "said", "told"),
    [
        (GIVEN, "messages[3].content[0]: no.", "input.2.output.0: no."),
        (GIVEN, "messages[3].content[2]: no.", "input.3.content.1: no."),
        (GIVEN, "messages[2] is unasked for", "input.2 is unasked for"),
        (GIVEN, "messages[0] is too long", "instructions is too long"),
        ("Hello", "messages[1] is too long", "input is too long"),
        ("Hello", "messages[1].content[0]: no.", "input: no."),
    ],
)
def test_an_error_names_the_item_that_the_caller_sent(given: Any, said: str, told: str) -> None:
    translation = RESPONSES.translate(json.dumps({"model": "m", "instructions": "Hm.", "input": given}).encode())
    assert translation.named(InvalidRequest(said)).message == told


@pytest.mark.parametrize(
    ("param", "told"),
    [("messages", "input"), ("messages.[0].content", "input"), ("response_format", "text.format"), ("tools", "tools"),
     ("max_tokens", "max_output_tokens"), (None, None)],
)  # fmt: skip
def test_an_error_names_the_field_that_the_caller_sent(param: str | None, told: str | None) -> None:
    translation = RESPONSES.translate(b'{"model": "m", "input": "Hello"}')
    status, _, body = RESPONSES.render(translation.named(InvalidRequest(f"'{param}' is wrong.", param=param)), "r")
    error = json.loads(body)["error"]
    assert (status, error["param"]) == (400, told) and f"'{told}' is wrong." in error["message"].replace(".content", "")


def test_an_error_within_a_stream_does_too() -> None:
    class Failing(Source):
        async def pour(self, take: Take) -> None:
            take([chunk({"content": "Hi"})])
            raise UpstreamRefused("'max_tokens' is too high.", param="max_tokens")

    translation = RESPONSES.translate(b'{"model": "m", "input": "Hello", "stream": true}')
    with pytest.raises(UpstreamRefused, match="max_output_tokens") as refused:
        asyncio.run(TranslatedStream(Failing([]), translation).pour(lambda _: None))
    assert refused.value.param == "max_output_tokens"


# --- thoughts as their summary ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["summary", "generate_summary"])
def test_thoughts_are_told_as_a_summary_where_one_is_asked_for(name: str) -> None:
    response = whole(completion({"reasoning": "Hm.", "content": "Hi"}), reasoning={name: "auto"})
    assert response["output"][0] == {
        "id": "rs_7_0_summary_reasoning",
        "type": "reasoning",
        "status": "completed",
        "summary": [{"type": "summary_text", "text": "Hm."}],
        "content": [],
    }


def test_a_stream_tells_them_as_a_summary_too() -> None:
    deltas = [{"reasoning_content": "H"}, {"reasoning_content": "m."}, {"content": "Hi"}]
    request = {"reasoning": {"summary": "auto"}, "include": ["reasoning.encrypted_content"]}
    events = streamed([*map(chunk, deltas), chunk({}, "stop")], **request)
    assert kinds(events)[2:9] == [
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.delta", "reasoning_summary_text.done", "reasoning_summary_part.done",
        "output_item.done",
    ]  # fmt: skip
    assert {one["summary_index"] for one in events[3:8]} == {0} and events[6]["text"] == "Hm."
    thought = events[-1]["response"]["output"][0]
    assert thought["summary"] == [{"type": "summary_text", "text": "Hm."}] and thought["content"] == []
    assert thought["encrypted_content"]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thoughts_of_a_summary_go_back_under_their_field(field: str) -> None:
    message = {field: "Hm.", "tool_calls": [call("weather", "{}")]}
    output = whole(completion(message), reasoning={"summary": "auto"}, tools=[WEATHER])["output"]
    assert messages_of(output, tools=[WEATHER])[0][field] == "Hm."


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thoughts_come_back_from_clients_that_keep_only_what_is_encrypted(field: str) -> None:
    request = {"include": ["reasoning.encrypted_content"]}
    item = whole(completion({field: "Hm …", "content": "Hi"}), **request)["output"][0]
    assert item["content"][0]["text"] == "Hm …"
    kept = {"type": "reasoning", "summary": [], "encrypted_content": item["encrypted_content"]}
    said = messages_of([kept, {"role": "assistant", "content": "Hi"}])
    assert said == [{"role": "assistant", "content": "Hi", field: "Hm …"}]
    events = streamed([chunk({field: "Hm"}), chunk({field: " …"}), chunk({"content": "Hi"})], **request)
    assert events[2]["item"]["encrypted_content"] is None
    assert next(one["item"] for one in events if one["type"] == "response.output_item.done") == item
    assert "encrypted_content" not in whole(completion({field: "Hm"}))["output"][0]


@pytest.mark.parametrize(
    "content", ["gAAAA", "gateway-thoughts-", "gateway-thoughts-!", "gateway-thoughts-WzFd", 7, None]
)
def test_what_was_encrypted_elsewhere_is_left_out(content: Any) -> None:
    kept = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": content}
    assert messages_of([kept, {"role": "assistant", "content": "Hi"}]) == [{"role": "assistant", "content": "Hi"}]


# --- a stream says what the whole answer says ------------------------------------------------------------

TEXT = st.text(min_size=1, max_size=12)
NAMES = st.sampled_from(["weather", "patch", "maps__find", "tool_search", "unknown"])
CALLS = st.lists(st.tuples(NAMES, TEXT | st.builds(lambda text: json.dumps({"input": text}), TEXT)), max_size=3)
FINISHES = st.sampled_from(["stop", "length", "content_filter", "tool_calls"])


@st.composite
def cut(draw: st.DrawFn, text: str) -> list[str]:
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=4)))
    return [text[start:end] for start, end in pairwise([0, *places, len(text)])]


@st.composite
def answers(draw: st.DrawFn) -> tuple[dict[str, Any], list[bytes]]:
    """A whole message, and chunks that say the same."""
    thoughts, text, refusal = (draw(st.just("") | TEXT) for _ in range(3))
    calls, finish = draw(CALLS), draw(FINISHES)
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    for name, said in (("reasoning_content", thoughts), ("content", text), ("refusal", refusal)):
        deltas += [{name: piece} for piece in draw(cut(said))]
    tools = []
    for place, (name, arguments) in enumerate(calls):
        told = {"id": f"call_{place}", "function": {"name": name, "arguments": arguments}}
        tools.append(told)
        first, *rest = draw(cut(arguments))
        deltas.append({"tool_calls": [{**told, "index": place, "function": {"name": name, "arguments": first}}]})
        deltas += [{"tool_calls": [{"index": place, "function": {"arguments": piece}}]} for piece in rest]
    message = {"reasoning_content": thoughts, "content": text, "refusal": refusal or None, "tool_calls": tools}
    return completion(message, finish), [*map(chunk, deltas), chunk({}, finish), chunk(None)]


@given(answers())
def test_a_stream_says_what_the_whole_answer_says(answer: tuple[dict[str, Any], list[bytes]]) -> None:
    document, chunks = answer
    events = streamed(chunks, tools=TOOLS)
    assert timeless(events[-1]["response"]) == timeless(whole(document, tools=TOOLS))
    assert _heard(events) == events[-1]["response"]["output"]


MIXED = st.lists(
    st.tuples(st.sampled_from(["reasoning", "content", "refusal"]), st.text(max_size=6))
    | st.tuples(st.just("tool_calls"), TEXT),
    max_size=12,
)


@given(MIXED)
def test_in_any_order_nothing_is_lost(pieces: list[tuple[str, str]]) -> None:
    """Chunks that go to and fro between thoughts, text and calls; each call is one chunk."""
    deltas = [
        {"tool_calls": [{"index": n, "id": f"c{n}", "function": {"name": "weather", "arguments": text}}]}
        if kind == "tool_calls"
        else {kind: text}
        for n, (kind, text) in enumerate(pieces)
    ]
    events = streamed([*map(chunk, [{"role": "assistant"}, *deltas]), chunk({}, "stop")], tools=TOOLS)
    output = events[-1]["response"]["output"]
    assert _heard(events) == output
    assert len({item["id"] for item in output}) == len(output)
    parts = [part for item in output for part in item.get("content", ())]
    for kind, told, name in (
        ("reasoning", "reasoning_text", "text"),
        ("content", "output_text", "text"),
        ("refusal", "refusal", "refusal"),
    ):
        said = "".join(text for one, text in pieces if one == kind)
        assert "".join(part[name] for part in parts if part["type"] == told) == said
    calls = [item["arguments"] for item in output if item["type"] == "function_call"]
    assert calls == [text for kind, text in pieces if kind == "tool_calls"]
    Response.model_validate(events[-1]["response"])


ODD_CALLS = st.fixed_dictionaries(
    {},
    optional={
        "index": st.sampled_from([None, 0, 1]),
        "id": st.sampled_from([None, "", "a", "b"]),
        "function": st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from([None, "", "weather", "patch", "tool_search"]),
                "arguments": st.sampled_from([None, "", " ", "{", "}", "{}", '{"input": ', '"x"}', {"input": "x"}]),
            },
        ),
    },
)
ODD_DELTAS = st.fixed_dictionaries(
    {},
    optional={
        "content": st.sampled_from([None, "", "Hi", []]),
        "reasoning": st.sampled_from([None, "", "Hm."]),
        "tool_calls": st.none() | st.lists(ODD_CALLS, max_size=2),
    },
)


@given(st.lists(ODD_DELTAS, max_size=8), FINISHES)
def test_whatever_a_provider_streams_the_events_fit_together_or_it_is_no_answer(
    deltas: list[dict[str, Any]], finish: str
) -> None:
    try:
        events = streamed([*map(chunk, deltas), chunk({}, finish)], tools=TOOLS)
    except UpstreamBadResponse:
        return
    output = events[-1]["response"]["output"]
    assert _heard(events) == output
    calls = [item["call_id"] for item in output if "call_id" in item]
    assert len(set(calls)) == len(calls)
    told = [call for delta in deltas for call in delta.get("tool_calls") or () if call.get("function", {}).get("name")]
    assert bool(calls) == bool(told)


def _heard(events: list[Any]) -> list[Any]:
    """The items as somebody has them who knows the events only. They speak of items that have begun and not ended;
    but for calls, that is one at a time."""
    items: list[Any] = []
    said: dict[tuple[str, str, int | None], str] = {}
    for one in events:
        kind, place = one["type"].removeprefix("response."), one.get("content_index")
        if kind == "output_item.added":
            assert one["output_index"] == len(items) and one["item"]["status"] == "in_progress"
            under_way = [item for item in items if item["status"] == "in_progress"]
            assert all(item["type"].endswith("_call") for item in under_way)
            items.append(one["item"])
        if "output_index" not in one:
            continue
        item = items[one["output_index"]]
        assert one.get("item_id", item["id"]) == item["id"] and item["status"] == "in_progress"
        if kind.endswith(".delta"):
            what = (item["id"], kind.removesuffix(".delta"), place)
            said[what] = said.get(what, "") + one["delta"]
        elif kind in ("output_text.done", "reasoning_text.done", "refusal.done"):
            assert said[item["id"], kind.removesuffix(".done"), place] == one.get("text", one.get("refusal"))
        elif kind in ("function_call_arguments.done", "custom_tool_call_input.done"):
            told = said.get((item["id"], kind.removesuffix(".done"), None), "")
            assert told == one.get("arguments", one.get("input"))
        elif kind == "output_item.done":
            items[one["output_index"]] = one["item"]
    return items
