"""The pure parts of our own servers: stop strings, reading order, windows of requests."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chute_models.engines.errors import Refusal, too_long
from chute_models.engines.fields import flag, integer, number, strings
from chute_models.engines.ocr.order import Box, from_top_left, page_turn, reading_order, turned
from chute_models.engines.transformers.generate import ChatModel, Piece
from chute_models.engines.transformers.messages import read_messages
from chute_models.engines.transformers.shapes import CHAT
from chute_models.engines.transformers.text import Detokenizer, StopStrings
from chute_models.engines.transformers.tools import ToolReader, read_tools


class Bytes:
    """A tokenizer whose tokens are bytes."""

    def decode(self, ids: list[int], **_: Any) -> str:
        return bytes(ids).decode(errors="replace")


@given(st.text(max_size=40))
def test_text_comes_in_whole_characters(text: str) -> None:
    words = Detokenizer(Bytes())
    pieces = [words.add(token) for token in text.encode()]
    assert "".join(pieces) + words.rest() == text
    assert not any("\ufffd" in piece for piece in pieces if "\ufffd" not in text)


@given(
    st.text("ab", max_size=30), st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3), st.randoms()
)
def test_nothing_past_a_stop_string_gets_out(text: str, stops: list[str], chance: random.Random) -> None:
    filtered, out, rest = StopStrings(tuple(stops)), "", text
    while rest and not filtered.hit:
        size = chance.randint(1, 3)
        out += filtered.add(rest[:size])
        rest = rest[size:]
    out += filtered.rest()
    assert text.startswith(out)
    assert not any(stop in out for stop in stops)
    if not any(stop in text for stop in stops):
        assert out == text


CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Köln"}}\n</tool_call>'


@given(st.randoms(), st.sampled_from(["", "Let me see. "]), st.integers(1, 3))
def test_tool_calls_are_read_however_they_are_cut(chance: random.Random, before: str, number: int) -> None:
    rest, pieces = before + CALL * number, []
    while rest:
        size = chance.randint(1, 9)
        pieces.append(Piece(0, rest[:size], 1))
        rest = rest[size:]
    found = list(read_tools([*pieces, Piece(0, "", 1, "stop")]))
    message = CHAT.choice(0, found)
    assert message["finish_reason"] == "tool_calls"
    calls = message["message"]["tool_calls"]
    assert message["message"]["content"] == (before.strip() or None)
    assert [call["function"] for call in calls] == [{"name": "weather", "arguments": '{"city": "Köln"}'}] * number
    assert len({call["id"] for call in calls}) == number


@given(st.lists(st.sampled_from(["<tool_call>", "</tool_call>", "<tool", "{}", "text", '{"name": 1}']), max_size=8))
def test_what_is_no_call_stays_text(parts: list[str]) -> None:
    reader = ToolReader()
    said = "".join(reader.add(part)[0] for part in parts) + reader.rest()
    assert said == "".join(parts)
    assert reader.count == 0


def test_calls_of_earlier_turns_reach_the_template_as_objects() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    read = read_messages([{"role": "assistant", "content": None, "tool_calls": [call]}])
    assert read[0]["tool_calls"][0]["function"] == {"name": "f", "arguments": {"a": 1}}
    call["function"] = {"name": "f", "arguments": "{"}
    with pytest.raises(Refusal, match="not JSON"):
        read_messages([{"role": "assistant", "tool_calls": [call]}])


def box(left: float, top: float, width: float, height: float = 20) -> Box:
    return (left, top), (left + width, top), (left + width, top + height), (left, top + height)


TITLE, COLUMNS = box(50, 0, 500), [box(x, y, 250) for x in (0, 320) for y in (40, 70, 100)]
FOOT = box(100, 140, 400)


def test_columns_between_a_title_and_a_foot() -> None:
    boxes = [TITLE, *COLUMNS, FOOT]
    mixed = [7, 4, 0, 2, 6, 1, 5, 3]
    rows = reading_order([boxes[at] for at in mixed])
    assert [mixed[row[0]] for row in rows] == list(range(8))


def test_a_table_is_read_across() -> None:
    cells = [box(x, y, 50) for y in (0, 40, 80) for x in (0, 200, 400)]
    assert reading_order(cells) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_an_empty_page() -> None:
    assert reading_order([]) == []
    assert page_turn([], []) == 0


_boxes = st.lists(st.builds(box, *[st.integers(0, 900)] * 2, st.integers(1, 900), st.integers(1, 90)), max_size=25)


@given(_boxes)
def test_every_line_is_read_once(boxes: list[Box]) -> None:
    assert sorted(at for row in reading_order(boxes) for at in row) == list(range(len(boxes)))


@given(_boxes.filter(bool), st.sampled_from([0, 90, 180, 270]))
def test_turning_back_gives_the_same_box(boxes: list[Box], turn: int) -> None:
    width, height = 1000.0, 700.0
    across, down = (height, width) if turn in (90, 270) else (width, height)
    for one in boxes:
        back = turned(turned(one, turn, width, height), (360 - turn) % 360, across, down)
        assert from_top_left(back) == from_top_left(one)


def test_how_a_page_lies() -> None:
    lying, standing = [box(0, 0, 200)] * 5, [box(0, 0, 20, 200)] * 5
    assert page_turn(lying, [False] * 5) == 0
    assert page_turn(lying, [True] * 4 + [False]) == 180
    assert page_turn(standing, [False] * 5) == 90
    assert page_turn(standing, [True] * 5) == 270


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (lambda body: number(body, "x", 1, 0, 2), "hot"),
        (lambda body: number(body, "x", 1, 0, 2), 3),
        (lambda body: number(body, "x", 1, 0, 2), True),
        (lambda body: number(body, "x", 1, 0, 2), float("nan")),
        (lambda body: integer(body, "x", 1, 0, 2), 1.5),
        (lambda body: integer(body, "x", 1, 0, 2), -1),
        (lambda body: flag(body, "x"), "true"),
        (lambda body: strings(body, "x", 2), ["a", ""]),
        (lambda body: strings(body, "x", 2), ["a", "b", "c"]),
        (lambda body: strings(body, "x", 2), 5),
    ],
)
def test_a_bad_field_is_named(read: Any, value: object) -> None:
    with pytest.raises(Refusal) as refused:
        read({"x": value})
    assert refused.value.body()["error"]["param"] == "x"


@pytest.mark.parametrize(
    ("prompt", "asked", "said"),
    [
        (60, 80, "you requested 140 tokens (60 in the messages, 80 in the completion)."),
        (100, None, "you requested 101 tokens (100 in the messages, 1 in the completion)."),
        (120, None, "your messages resulted in 120 tokens."),
        (120, 5, "you requested 125 tokens (120 in the messages, 5 in the completion)."),
    ],
)
def test_a_refusal_tells_the_tokens_that_came_from_those_that_were_asked_for(
    prompt: int, asked: int | None, said: str
) -> None:
    model = object.__new__(ChatModel)
    model.max_len = 100
    with pytest.raises(Refusal) as refused:
        model.room((0,) * prompt, asked, "messages")
    assert refused.value.message == f"This model's maximum context length is 100 tokens. However, {said}"
    assert (refused.value.param, refused.value.code) == ("messages", "context_length_exceeded")


def test_what_fits_leaves_room() -> None:
    model = object.__new__(ChatModel)
    model.max_len = 100
    assert (model.room((0,) * 99, None, "prompt"), model.room((0,) * 60, 40, "prompt")) == (1, 40)
    assert "your input resulted in 600 tokens." in too_long(512, 600, "input").message
