"""A request of the Responses API read as a chat completion, or refused with words."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.responses import RESPONSES
from gateway.errors import InvalidRequest
from tests.unit.dialects.responses_kit import PATCH, WEATHER, call, chat_of, completion, messages_of, whole

PIXEL = "data:image/png;base64,iVBORw0KGgo="
HELLO = [{"role": "user", "content": "Hello"}]
SCHEMA = {"name": "city", "schema": {"type": "object"}, "strict": True}


def refused(**request: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as failure:
        chat_of(**request)
    return failure.value


# --- fields ----------------------------------------------------------------------------------------------


def test_the_plainest_request() -> None:
    assert chat_of() == {"model": "m", "messages": HELLO}


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({"max_output_tokens": 9}, {"max_tokens": 9}),
        ({"reasoning": {"effort": "low", "summary": "auto"}}, {"reasoning_effort": "low"}),
        ({"reasoning": {"summary": "auto"}}, {}),
        ({"text": {"format": {"type": "text"}}}, {}),
        ({"text": {"verbosity": "low"}}, {"verbosity": "low"}),
        ({"text": {"format": {"type": "json_object"}}}, {"response_format": {"type": "json_object"}}),
        (
            {"text": {"format": {"type": "json_schema", **SCHEMA, "description": None}}},
            {"response_format": {"type": "json_schema", "json_schema": SCHEMA}},
        ),
        ({"top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
        ({"top_logprobs": 0}, {}),
        ({"include": ["message.output_text.logprobs"]}, {"logprobs": True}),
        ({"include": ["reasoning.encrypted_content"]}, {}),
        ({"stream": True, "stream_options": {"include_obfuscation": False}},
         {"stream": True, "stream_options": {"include_usage": True}}),
        ({"stream": False}, {"stream": False}),
        ({"temperature": 0.5, "top_p": 0.9, "user": "u"}, {"temperature": 0.5, "top_p": 0.9, "user": "u"}),
        ({"prompt_cache_key": "k", "service_tier": "flex"}, {"prompt_cache_key": "k", "service_tier": "flex"}),
        ({"a_field_nobody_knows": {"x": [1]}}, {"a_field_nobody_knows": {"x": [1]}}),
        ({"store": True, "metadata": {"a": "b"}, "truncation": "auto", "max_tool_calls": 3}, {}),
        ({"background": False, "previous_response_id": None, "temperature": None}, {}),
        ({"parallel_tool_calls": False, "tool_choice": "auto", "tools": []}, {}),
    ],
)  # fmt: skip
def test_each_field_has_its_place(given: dict[str, Any], asked: dict[str, Any]) -> None:
    assert chat_of(**given) == {"model": "m", "messages": HELLO, **asked}


@pytest.mark.parametrize(
    ("field", "value", "advice"),
    [
        ("previous_response_id", "resp_1", "send the earlier items in 'input'"),
        ("conversation", "conv_1", "send the earlier items in 'input'"),
        ("background", True, "leave it out"),
        ("prompt", {"id": "pmpt_1"}, "'instructions' and 'input'"),
        ("moderation", {"model": "m"}, "leave it out"),
        ("n", 2, "ask again"),
    ],
)
def test_what_is_not_there_is_refused_with_what_to_do(field: str, value: Any, advice: str) -> None:
    error = refused(**{field: value})
    assert (error.param, error.error_code) == (field, "unsupported_parameter")
    assert advice in error.message


@pytest.mark.parametrize(
    ("request_fields", "param"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": 7}, "input"),
        ({"input": ["Hello"]}, "input.0"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input.0.role"),
        ({"input": [{"role": "user"}]}, "input.0.content"),
        ({"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, "input.0.content.0.type"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input.0.content.0.text"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
         "input.0.content.0.file_id"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]},
         "input.0.content.0.file_id"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "https://a.b/c"}]}]},
         "input.0.content.0.file_url"),
        ({"input": [{"role": "assistant", "content": [{"type": "input_image", "image_url": PIXEL}]}]},
         "input.0.content.0.type"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input.0"),
        ({"input": [{"id": "msg_1"}]}, "input.0"),
        ({"input": [{"type": "web_search_call", "id": "ws_1"}]}, "input"),
        ({"input": [{"type": "mcp_call", "id": "mcp_1"}]}, "input.0.type"),
        ({"input": [{"type": "reasoning", "content": "Hm."}]}, "input.0.content"),
        ({"input": [{"type": ["message"], "role": "user"}]}, "input.0.type"),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f"}]}, "input.0.arguments"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input.0.call_id"),
        ({"instructions": ["Be brief."]}, "instructions"),
        ({"text": "json"}, "text"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        ({"reasoning": "low"}, "reasoning"),
        ({"include": "all"}, "include"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools.0.name"),
        ({"tools": [{"type": "function", "name": "f", "parameters": []}]}, "tools.0.parameters"),
        ({"tools": [WEATHER, WEATHER]}, "tools.1.name"),
        ({"tools": [WEATHER, {"type": ["web_search"]}]}, "tools.1.type"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": "any", "tools": [WEATHER]}, "tool_choice"),
        ({"tool_choice": {"type": "function", "name": "f"}, "tools": [WEATHER]}, "tool_choice.name"),
        ({"tool_choice": {"type": "web_search_preview"}, "tools": [WEATHER]}, "tool_choice.type"),
    ],
)  # fmt: skip
def test_the_field_at_fault_is_named(request_fields: dict[str, Any], param: str) -> None:
    assert refused(**request_fields).param == param


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5) | st.sampled_from(["message", "function", "custom", "json_schema", "user", "input_text"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["type", "role", "content", "name", "call_id", "output", "arguments", "input", "tools", "format", "text"]
        ) | st.text(max_size=3),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
FIELDS = st.sampled_from(
    ["input", "instructions", "tools", "tool_choice", "text", "reasoning", "include", "stream", "metadata", "n",
     "max_output_tokens", "top_logprobs", "previous_response_id", "parallel_tool_calls"]
)  # fmt: skip


@given(st.dictionaries(FIELDS, JSON, max_size=5))
def test_any_object_is_read_or_refused(request: dict[str, Any]) -> None:
    try:
        translation = RESPONSES.translate(json.dumps(request).encode())
    except InvalidRequest as error:
        assert error.message
    else:
        assert json.loads(translation.chat)["messages"]


# --- input -----------------------------------------------------------------------------------------------


def test_instructions_and_developers_at_the_beginning_are_one_system_message() -> None:
    given = [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "In French."}]},
        {"role": "user", "content": "Hello"},
        {"role": "system", "content": "Now in German."},
        {"role": "user", "content": [{"type": "input_text", "text": "And?"}]},
    ]
    assert messages_of(given, instructions="Be brief.") == [
        {"role": "system", "content": "Be brief.\n\nIn French."},
        {"role": "user", "content": "Hello"},
        {"role": "system", "content": "Now in German."},
        {"role": "user", "content": "And?"},
    ]


def test_pictures_files_and_sound() -> None:
    parts = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": PIXEL, "detail": "low"},
        {"type": "input_image", "image_url": "https://a.b/c.png", "detail": "auto"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
    ]
    assert messages_of([{"role": "user", "content": parts}])[0]["content"] == [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://a.b/c.png"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
    ]


def test_what_the_assistant_did_in_one_go_is_one_message() -> None:
    given = [
        {"role": "user", "content": "Rain?"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "Rain"}},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
         "content": [{"type": "output_text", "text": "I "}, {"type": "refusal", "refusal": "look."}]},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "weather", "arguments": '{"in":"Bonn"}'},
        {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": 'a "b"'},
        {"role": "assistant", "content": "Wait."},
        {"type": "function_call_output", "call_id": "c1", "output": "Rain."},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "Done."}]},
        {"type": "function_call", "call_id": "c3", "namespace": "maps__", "name": "find", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c3", "output": ""},
    ]  # fmt: skip
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"in":"Bonn"}'}},
        {"id": "c2", "type": "function", "function": {"name": "patch", "arguments": '{"input":"a \\"b\\""}'}},
    ]
    last = {"id": "c3", "type": "function", "function": {"name": "maps__find", "arguments": "{}"}}
    assert messages_of(given) == [
        {"role": "user", "content": "Rain?"},
        {"role": "assistant", "content": "I look.\n\nWait.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "Rain."},
        {"role": "tool", "tool_call_id": "c2", "content": "Done."},
        {"role": "assistant", "content": None, "tool_calls": [last]},
        {"role": "tool", "tool_call_id": "c3", "content": ""},
    ]


@pytest.mark.parametrize("role", ["user", "developer"])
def test_what_is_said_before_a_tool_has_answered_follows_its_answer(role: str) -> None:
    """Providers want all results right behind the calls."""
    calls = [{"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"} for id in ("c1", "c2")]
    results = [{"type": "function_call_output", "call_id": id, "output": id} for id in ("c1", "c2", "c0")]
    said = messages_of(
        [{"role": "user", "content": "Go."}, *calls, results[0], {"role": role, "content": "Wait."}, *results[1:]]
    )
    roles = ["user", "assistant", "tool", "tool", role.replace("developer", "system"), "tool"]
    assert [message["role"] for message in said] == roles
    assert [message.get("tool_call_id") for message in said][2:] == ["c1", "c2", None, "c0"]


def test_what_agents_tell_each_other_is_said_by_the_user() -> None:
    task = [{"type": "input_text", "text": "Task:"}, {"type": "encrypted_content", "encrypted_content": "Look."}]
    given = [{"type": "agent_message", "author": "/planner", "recipient": "/planner/look", "content": task}]
    texts = [{"type": "text", "text": "Task:"}, {"type": "text", "text": "Look."}]
    assert messages_of(given) == [{"role": "user", "content": texts}]
    assert refused(input=[{"role": "user", "content": task}]).param == "input.0.content.1.type"


def thought(text: str, id: str | None = "rs_1", **more: Any) -> dict[str, Any]:
    return {"type": "reasoning", "id": id, "summary": [], "content": [{"type": "reasoning_text", "text": text}], **more}


def test_thoughts_go_back_with_what_the_assistant_did_then() -> None:
    """Some providers refuse a conversation whose calls come without them."""
    given = [
        {"role": "user", "content": "Rain?"},
        thought("Bonn", encrypted_content=None),
        thought("or Rome?"),
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "Rain."},
        thought("So", "rs_1_reasoning"),
        {"role": "assistant", "content": "Yes."},
        {"type": "reasoning", "id": "rs_2", "summary": [{"type": "summary_text", "text": "x"}], "content": None,
         "encrypted_content": "gAAA"},
        thought("cut off"),
        {"role": "user", "content": "And?"},
        {"role": "assistant", "content": "Sun."},
        thought("at the end"),
    ]  # fmt: skip
    messages = messages_of(given)
    assert messages[1]["reasoning_content"] == "Bonn\n\nor Rome?" and messages[1]["tool_calls"]
    assert messages[3] == {"role": "assistant", "content": "Yes.", "reasoning": "So"}
    assert messages[4:] == [{"role": "user", "content": "And?"}, {"role": "assistant", "content": "Sun."}]


def test_thoughts_of_earlier_turns_go_back_unless_the_caller_says_otherwise() -> None:
    given = [
        {"role": "user", "content": "Rain?"},
        thought("first"),
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "And?"},
        thought("last"),
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_image", "image_url": PIXEL}]},
    ]
    for context, sent in (("current_turn", ["last"]), ("all_turns", ["first", "last"]), ("auto", ["first", "last"])):
        messages = messages_of(given, reasoning={"context": context})
        assert [one["reasoning_content"] for one in messages if "reasoning_content" in one] == sent


@pytest.mark.parametrize("address", ["hello", "ftp://a.b/c.png", "data:image/bmp;base64,AAAA", "data:image/png,AAAA"])
def test_a_picture_that_is_none_is_refused_where_it_stands(address: str) -> None:
    shown = [{"type": "input_text", "text": "Look:"}, {"type": "input_image", "image_url": address}]
    output = {"type": "function_call_output", "call_id": "c", "output": shown}
    error = refused(input=[{"role": "user", "content": "x"}, output])
    assert error.error_code == "image_validation_failed" and "input.1.output.1.image_url" in error.message
    assert "messages" not in error.message


@pytest.mark.parametrize("goes_on", [False, True])
def test_pictures_of_tools_are_shown_behind_all_results(goes_on: bool) -> None:
    output = [{"type": "input_text", "text": "A map:"}, {"type": "input_image", "image_url": PIXEL}]
    given: list[dict[str, Any]] = [
        {"type": "function_call", "call_id": "c1", "name": "map", "arguments": "{}"},
        {"type": "function_call", "call_id": "c2", "name": "map", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": output},
        {"type": "function_call_output", "call_id": "c2", "output": output[1:]},
    ]
    messages = messages_of([*given, {"role": "developer", "content": "Look."}] if goes_on else given)
    picture = {"type": "image_url", "image_url": {"url": PIXEL}}
    assert messages[1:4] == [
        {"role": "tool", "tool_call_id": "c1", "content": "A map:"},
        {"role": "tool", "tool_call_id": "c2", "content": "(attached to the next message)"},
        {"role": "user", "content": [picture, picture]},
    ]
    assert messages[4:] == ([{"role": "system", "content": "Look."}] if goes_on else [])


# --- tools -----------------------------------------------------------------------------------------------


def test_tools_of_each_kind_become_functions() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: LINE+"}
    maps = {
        "type": "namespace",
        "name": "maps",
        "description": "Maps.",
        "tools": [{"type": "function", "name": "find"}],
    }
    found = [one["function"] for one in chat_of(tools=[WEATHER, {**PATCH, "format": grammar}, maps])["tools"]]
    assert found[0] == {"name": "weather", "parameters": {"type": "object"}, "strict": True}
    assert found[1]["name"] == "patch" and found[1]["parameters"]["required"] == ["input"]
    assert (
        found[1]["description"].startswith("Changes files.")
        and "lark grammar:\nstart: LINE+" in found[1]["description"]
    )
    assert found[2] == {"name": "maps__find"}


@pytest.mark.parametrize(
    "kind",
    ["file_search", "mcp", "code_interpreter", "computer", "local_shell", "shell", "apply_patch", "of tomorrow"],
)
def test_tools_that_run_at_openai_are_refused(kind: str) -> None:
    error = refused(tools=[WEATHER, {"type": kind}])
    assert (error.param, error.error_code) == ("tools.1.type", "unsupported_value")
    assert "at OpenAI only" in error.message and "'function'" in error.message


def test_tools_may_stand_among_the_items() -> None:
    """There Codex has them for newer models of OpenAI's."""
    functions = {"type": "namespace", "name": "functions", "description": "", "tools": [PATCH]}
    item = {"type": "additional_tools", "role": "developer", "tools": [functions, {"type": "web_search"}]}
    chat = chat_of(input=[item, *HELLO], tools=[WEATHER], tool_choice="auto", parallel_tool_calls=False)
    assert [one["function"]["name"] for one in chat["tools"]] == ["weather", "functions__patch"]
    assert chat["messages"] == HELLO and chat["tool_choice"] == "auto"
    assert refused(input=[{**item, "tools": [{"type": "mcp"}]}, *HELLO]).param == "input.0.tools.0.type"
    assert refused(input=[{"type": "additional_tools"}, *HELLO]).param == "input.0.tools"
    answered = whole(completion({"tool_calls": [call("functions__patch", '{"input": "+ a"}')]}), input=[item, *HELLO])
    told = answered["output"][0]
    assert (told["namespace"], told["name"], told["input"]) == ("functions", "patch", "+ a")


def test_a_search_for_tools_that_the_caller_does_is_a_function() -> None:
    search = {"type": "tool_search", "execution": "client", "description": "Finds.", "parameters": {"type": "object"}}
    maps = {"type": "namespace", "name": "maps", "tools": [{"type": "function", "name": "find", "defer_loading": True}]}
    found = {"type": "tool_search_output", "call_id": "c1", "execution": "client", "tools": [maps]}
    given = [
        *HELLO,
        {"type": "tool_search_call", "call_id": "c1", "execution": "client", "arguments": {"query": "map"}},
        found,
        {"type": "tool_search_call", "call_id": "c2", "execution": "client", "arguments": {"query": "car"}},
        {**found, "call_id": "c2", "tools": []},
        {**found, "call_id": "c3"},
        {"type": "tool_search_call", "call_id": None, "execution": "server", "arguments": {}},
        {"type": "tool_search_output", "call_id": None, "execution": "server", "tools": [WEATHER]},
    ]
    chat = chat_of(input=given, tools=[search])
    assert [one["function"]["name"] for one in chat["tools"]] == ["tool_search", "maps__find", "weather"]
    assert chat["tools"][0]["function"] == {
        "name": "tool_search",
        "description": "Finds.",
        "parameters": {"type": "object"},
    }
    assert chat["messages"][1]["tool_calls"][0]["function"] == {"name": "tool_search", "arguments": '{"query":"map"}'}
    assert chat["messages"][2] == {"role": "tool", "tool_call_id": "c1", "content": "Tools found: maps__find."}
    assert chat["messages"][4]["content"] == "Tools found: none."
    assert len(chat["messages"]) == 6
    assert refused(tools=[{**search, "execution": "server"}]).param == "tools.0.type"


OFFERS = [{"type": kind} for kind in ("web_search", "web_search_preview", "image_generation", "tool_search")]


@pytest.mark.parametrize("choice", [None, "auto", "required", {"type": "function", "name": "weather"}])
def test_what_agents_offer_every_model_is_left_out_beside_other_tools(choice: Any) -> None:
    chat = chat_of(tools=[*OFFERS, WEATHER], tool_choice=choice)
    assert [one["function"]["name"] for one in chat["tools"]] == ["weather"]
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": [OFFERS[0], {"type": "function", "name": "weather"}]}
    assert len(chat_of(tools=[*OFFERS, WEATHER], tool_choice=allowed)["tools"]) == 1


@pytest.mark.parametrize(
    ("request_fields", "param"),
    [
        ({"tools": OFFERS}, "tools.0.type"),
        ({"tools": [WEATHER, *OFFERS], "tool_choice": {"type": "web_search"}}, "tool_choice.type"),
        ({"tools": [WEATHER, *OFFERS],
          "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}]}},
         "tool_choice.tools.0.type"),
    ],
    ids=["alone", "forced", "the only one allowed"],
)  # fmt: skip
def test_what_agents_offer_is_refused_where_it_is_what_is_wanted(request_fields: dict[str, Any], param: str) -> None:
    error = refused(**request_fields)
    assert error.param == param and "at OpenAI only" in error.message


@pytest.mark.parametrize(
    ("choice", "asked", "offered"),
    [
        ("auto", "auto", ["weather", "patch"]),
        ("none", "none", ["weather", "patch"]),
        ("required", "required", ["weather", "patch"]),
        ({"type": "function", "name": "weather"}, {"type": "function", "function": {"name": "weather"}},
         ["weather", "patch"]),
        ({"type": "custom", "name": "patch"}, {"type": "function", "function": {"name": "patch"}},
         ["weather", "patch"]),
        ({"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": "patch"}]}, "required",
         ["patch"]),
    ],
)  # fmt: skip
def test_each_choice_of_tools(choice: Any, asked: Any, offered: list[str]) -> None:
    chat = chat_of(tools=[WEATHER, PATCH], tool_choice=choice, parallel_tool_calls=False)
    assert chat["tool_choice"] == asked
    assert [one["function"]["name"] for one in chat["tools"]] == offered
    assert chat["parallel_tool_calls"] is False
