"""The lines of a batch's files: what is checked before anything is asked, and what is written of the answers."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.batches.lines import (
    MOST_MODELS,
    MOST_PROBLEMS,
    Answer,
    Check,
    Failure,
    answered,
    custom_id_of,
    failure,
    left_out,
    read_request,
)

CHAT = "/v1/chat/completions"
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)


def request(**changes: Any) -> bytes:
    document = {"custom_id": "a", "method": "POST", "url": CHAT, "body": {"model": "m", "messages": []}} | changes
    return json.dumps({name: value for name, value in document.items() if value is not ...}).encode() + b"\n"


def problems(*lines: bytes, most: int = 10) -> list[tuple[Any, ...]]:
    check = Check(CHAT, most)
    check.take(enumerate(lines, 1))
    check.end()
    return [(one["line"], one["param"], one["code"]) for one in check.problems]


@given(values, st.sampled_from([None, 1, "\t"]))
def test_an_answer_is_one_line_whatever_line_ends_a_provider_puts_between_its_tokens(value: Any, indent: Any) -> None:
    body = json.dumps({"value": value}, indent=indent).replace("\n", "\r\n").encode()
    line = answered("an id \u2028 \n of theirs", Answer(200, "req-1", body))
    assert line.endswith(b"\n") and not {b"\r"[0], b"\n"[0]} & set(line[:-1])
    told = json.loads(line)
    assert told["custom_id"] == "an id \u2028 \n of theirs" and told["error"] is None
    assert told["response"] == {"status_code": 200, "request_id": "req-1", "body": {"value": value}}


def test_a_request_that_was_left_out_says_why() -> None:
    told = json.loads(left_out("a", "batch_expired", "Too late."))
    assert told["response"] is None and told["error"] == {"code": "batch_expired", "message": "Too late."}
    assert told["custom_id"] == "a" and told["id"].startswith("batch_req_")


def test_a_right_file_has_no_problems_and_blank_lines_do_not_count() -> None:
    check = Check(CHAT, 2)
    check.take([(1, request()), (2, b"\r\n"), (3, request(custom_id="b", body={"model": "m", "stream": False}))])
    check.end()
    assert (check.requests, check.problems) == (2, [])
    asked = read_request(3, request(custom_id="b"), CHAT)
    assert asked.number == 3 and json.loads(asked.body) == {"model": "m", "messages": []}
    assert custom_id_of(request(custom_id="ü")) == "ü"


@pytest.mark.parametrize(
    ("line", "param", "code"),
    [
        (b"{", None, "invalid_json"),
        (b"[]\n", None, "invalid_json"),
        (request(custom_id=...), "custom_id", "invalid_custom_id"),
        (request(custom_id=""), "custom_id", "invalid_custom_id"),
        (request(custom_id=7), "custom_id", "invalid_type"),
        (request(custom_id="x" * 513), "custom_id", "invalid_custom_id"),
        (request(method="GET"), "method", "invalid_method"),
        (request(url="/v1/embeddings"), "url", "invalid_url"),
        (request(url=...), "url", "invalid_url"),
        (request(body=...), "body", "invalid_body"),
        (request(body="{}"), "body", "invalid_body"),
        (request(body={"stream": True}), "body.stream", "invalid_body"),
    ],
)
def test_a_wrong_line_is_told_with_its_number_and_its_field(line: bytes, param: str | None, code: str) -> None:
    assert problems(request(custom_id="first"), line) == [(2, param, code)]


def test_what_is_wrong_with_the_file_as_a_whole() -> None:
    assert problems() == problems(b"\n") == [(None, None, "empty_file")]
    assert problems(request(), request()) == [(2, "custom_id", "duplicate_custom_id")]
    assert problems(*[request(custom_id=str(n)) for n in range(4)], most=3) == [(None, None, "too_many_requests")]


def test_of_very_many_problems_some_are_told() -> None:
    assert len(problems(*[b"{\n"] * 500, most=1000)) == MOST_PROBLEMS


def test_what_failed_is_told_whichever_api_refused_it() -> None:
    for error in ({"message": "No.", "code": "c"}, {"message": "No.", "type": "c"}):
        line = answered("a", Answer(404, "req-1", json.dumps({"type": "error", "error": error}).encode()))
        assert failure(line) == Failure("a", 404, "req-1", "c", "No.")
    assert failure(left_out("a", "batch_expired", "Late.")) == Failure("a", None, "", "batch_expired", "Late.")
    for body in (b"[]", b"{}", b'{"error": "text"}'):
        assert failure(answered("a", Answer(500, "req-1", body))) == Failure("a", 500, "req-1", "", "")


def test_the_models_of_a_file_are_noted_up_to_a_number() -> None:
    bodies = [{"model": f"m{n // 2}"} for n in range(60)] + [{"model": 5}, {}]
    check = Check(CHAT, 99)
    check.take((n, request(custom_id=str(n), body=body)) for n, body in enumerate(bodies, 1))
    check.end()
    assert check.problems == [] and check.models == [f"m{n}" for n in range(MOST_MODELS)]
