"""What a request needs, read from its bytes; and by what its beginning is known."""

import json
from typing import Any

import pytest

from gateway.errors import InvalidRequest
from gateway.openai_api.continuation import can_continue
from gateway.openai_api.features import Feature, needed
from gateway.openai_api.json_body import split_object
from gateway.openai_api.opening import opening

ALL = frozenset(Feature)
HELLO: list[Any] = [{"role": "user", "content": "hello"}]
PICTURE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}]}]


def body(**more: Any) -> bytes:
    return json.dumps({"model": "m", "messages": HELLO, **more}).encode()


@pytest.mark.parametrize(
    ("fields", "feature", "field"),
    [
        ({"messages": PICTURE}, Feature.IMAGES, "messages"),
        ({"tools": [{"type": "function"}]}, Feature.TOOLS, "tools"),
        ({"tools": [{"type": "function"}], "tool_choice": "auto"}, Feature.TOOLS, "tools"),
        ({"functions": [{"name": "f"}]}, Feature.TOOLS, "functions"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, Feature.JSON_SCHEMA, "response_format"),
        ({"n": 2}, Feature.N, "n"),
        ({"logprobs": True}, Feature.LOGPROBS, "logprobs"),
        ({"logprobs": 0}, Feature.LOGPROBS, "logprobs"),
        ({"top_logprobs": 3}, Feature.LOGPROBS, "top_logprobs"),
        ({"messages": [*HELLO, {"role": "assistant", "content": "He"}]}, Feature.PREFILL, "messages"),
    ],
)
def test_a_need_is_found_with_its_field(fields: dict[str, Any], feature: Feature, field: str) -> None:
    assert needed(body(**fields), ALL) == {feature: field}
    assert needed(body(**fields), ALL - {feature}) == {}, "nobody asked"


@pytest.mark.parametrize("field", ["messages", "tools", "response_format", "n", "logprobs"])
def test_a_number_that_no_double_can_hold_is_refused_with_its_field(field: str) -> None:
    """A word in a text makes the search look at the field."""
    text = b'{"x": ["image_url", "json_schema"], "%b": [1e999]}' % field.encode()
    with pytest.raises(InvalidRequest) as caught:
        needed(text, ALL)
    assert caught.value.param == field


@pytest.mark.parametrize(
    ("form", "free"),
    [('{"type": "text"}', True), ('{"type": "json_object"}', False), ('{"type": 1e999}', False), ("5", False)],
)
def test_a_stream_goes_on_elsewhere_only_where_its_format_is_text(form: str, free: bool) -> None:
    assert can_continue(split_object(b'{"messages": [], "response_format": %b}' % form.encode())) is free


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"n": 1, "tools": [], "logprobs": False, "response_format": {"type": "json_object"}},
        {"n": None, "tools": None, "logprobs": None, "top_logprobs": 0, "response_format": None},
        {"messages": [{"role": "user", "content": 'say "tools", "n" and "logprobs"'}]},
        {"messages": [{"role": "user", "content": "tools"}, {"role": "assistant", "content": "n"}, *HELLO]},
        {"metadata": {"tools": "n", "logprobs": "json_schema", "kind": "image_url"}},
    ],
)
def test_words_alone_are_no_needs(fields: dict[str, Any]) -> None:
    assert needed(body(**fields), ALL) == {}


@pytest.mark.parametrize(
    "broken", [b"", b"[]", b'{"tools"', b'{"tools": [1], "messages": 3, "n": "x"}', b'{"messages":["image_url"]}']
)
def test_odd_bodies_break_nothing(broken: bytes) -> None:
    assert Feature.IMAGES not in needed(broken, ALL)
    assert isinstance(opening(broken), str)


def turns(*texts: str, **more: Any) -> bytes:
    roles = ["system", "user", "assistant", "user", "assistant", "user"]
    return body(messages=[{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)], **more)


def test_the_turns_of_a_conversation_open_alike_and_others_do_not() -> None:
    first = opening(turns("Be brief.", "What is a cat?", temperature=0))
    assert first == opening(turns("Be brief.", "What is a cat?", "An animal.", "And a dog?", max_tokens=5))
    assert first != opening(turns("Be brief.", "What is a dog?"))
    assert len(first) == 24


def test_only_the_beginning_counts() -> None:
    assert opening(turns("x" * 5000, "one")) == opening(turns("x" * 5000, "two"))
    assert opening(b'{"prompt": "' + b"y" * 5000 + b'1"}') == opening(b'{"prompt": "' + b"y" * 5000 + b'2"}')
    assert opening(b'{"prompt": "a"}') != opening(b'{"prompt": "b"}')
    assert opening(b'{"input": "a"}') == ""
