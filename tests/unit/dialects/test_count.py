"""How many tokens a Messages or Responses request has, about."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.dialects.count import count_messages, count_responses
from gateway.errors import InvalidRequest

_HELLO = [{"role": "user", "content": "Hello"}]
_TOOL = {"name": "weather", "description": "Of a city, by day. " * 40, "input_schema": {"type": "object"}}


def counted(messages: list[dict[str, Any]] = _HELLO, **more: Any) -> int:
    model, tokens = count_messages(json.dumps({"model": "m", "messages": messages, **more}).encode())
    assert model == "m"
    return tokens


def user(*blocks: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(blocks)}]


def picture(size: int) -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "a" * size}}


def test_a_short_request() -> None:
    assert 5 <= counted() <= 20


def test_prose_and_code_are_rather_counted_too_high_than_too_low() -> None:
    """Common tokenizers make a token of three to four and a half bytes of these."""
    code = Path(__file__).read_text()
    assert len(code) / 3 <= counted([{"role": "user", "content": code}]) <= len(code) / 2.5


@pytest.mark.parametrize(
    "more",
    [
        {"system": "Be brief. " * 80},
        {"tools": [_TOOL]},
        {"output_config": {"format": {"type": "json_schema", "schema": {"description": "One word. " * 80}}}},
    ],
)
def test_all_that_the_model_reads_counts(more: dict[str, Any]) -> None:
    assert counted(**more) > counted() + 200


def test_results_and_arguments_of_tools_count() -> None:
    call = {"type": "tool_use", "id": "t1", "name": "write", "input": {"text": "word " * 300}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "word " * 300}
    turns: list[dict[str, Any]] = [*_HELLO, {"role": "assistant", "content": [call]}]
    assert counted(turns) > 500 and counted([*turns, *user(result)]) > 1000


@pytest.mark.parametrize("size", [400, 4_000_000])
def test_a_picture_counts_as_one_whatever_its_bytes(size: int) -> None:
    assert 1600 <= counted(user(picture(size))) < 1700
    assert 3200 <= counted(user(picture(size), {"type": "text", "text": "Look."}, picture(size))) < 3300


def test_a_longer_document_has_more_tokens() -> None:
    short, long = (
        counted(user({"type": "document", "source": {**picture(size)["source"], "media_type": "application/pdf"}}))
        for size in (40_000, 400_000)
    )
    assert 1000 <= short < 1100 and 10_000 <= long < 10_100


@pytest.mark.parametrize(
    ("body", "param"),
    [({"model": "m"}, "messages"), ({"messages": _HELLO}, "model"), ({"messages": _HELLO, "model": 7}, "model")],
)
def test_what_is_missing_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        count_messages(json.dumps(body).encode())
    assert refused.value.param == param


# --- Responses -----------------------------------------------------------------------------------------------


def counted_response(given: Any = "Hello", **more: Any) -> int:
    model, tokens = count_responses(json.dumps({"model": "m", "input": given, **more}).encode())
    assert model == "m"
    return tokens


def shown(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


def test_a_response_counts_as_the_same_words_in_messages() -> None:
    words = "word " * 1000
    assert counted_response(words, instructions="Be brief.") == counted(
        [{"role": "user", "content": words}], system="Be brief."
    )


@pytest.mark.parametrize(
    "more",
    [
        {"instructions": "Be brief. " * 80},
        {"tools": [{"type": "function", "name": "weather", "description": "Of a city. " * 80, "parameters": {}}]},
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": {"description": "One word. " * 80}}}},
    ],
)
def test_all_that_the_model_reads_of_a_response_counts(more: dict[str, Any]) -> None:
    assert counted_response(**more) > counted_response() + 200


def test_calls_and_their_results_count() -> None:
    call = {"type": "function_call", "call_id": "c1", "name": "write", "arguments": json.dumps("word " * 300)}
    result = {"type": "function_call_output", "call_id": "c1", "output": "word " * 300}
    turns = [{"role": "user", "content": "Hello"}, call]
    assert counted_response(turns) > 500 and counted_response([*turns, result]) > 1000


def test_files_of_a_response_count_as_what_they_are() -> None:
    pixel = "data:image/png;base64,iVBORw0KGgo="
    assert 1600 <= counted_response(shown({"type": "input_image", "image_url": pixel})) < 1700
    document = {"type": "input_file", "file_data": "data:application/pdf;base64," + "a" * 400_000}
    assert 10_000 <= counted_response(shown(document)) < 10_100
    sound = {"type": "input_audio", "input_audio": {"data": "a" * 400_000, "format": "mp3"}}
    assert 400 <= counted_response(shown(sound)) < 500


@pytest.mark.parametrize(("body", "param"), [({"model": "m"}, "input"), ({"input": "Hi"}, "model")])
def test_what_is_missing_of_a_response_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        count_responses(json.dumps(body).encode())
    assert refused.value.param == param
