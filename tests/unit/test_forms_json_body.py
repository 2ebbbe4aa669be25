"""A JSON body is split, checked and put together again without changing its meaning."""

import json
import math
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidJSON, InvalidRequest
from gateway.openai_api.json_body import MAX_DEPTH, MAX_NAMES, splice_model, split_object, text_field

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(
    st.dictionaries(st.text(max_size=8) | st.just("model"), _json, max_size=6), st.text(), st.booleans(), st.booleans()
)
def test_only_the_model_changes(document: dict[str, Any], model: str, ascii_only: bool, indent: bool) -> None:
    body = json.dumps(document, ensure_ascii=ascii_only, indent=2 if indent else None)
    spliced = json.loads(splice_model(split_object(body.encode(errors="surrogatepass")), model))
    assert spliced == {**document, "model": model}
    assert list(spliced) == list({**document, "model": model})


def test_values_keep_their_bytes() -> None:
    body = b'{ "seed":99999999999999999999, "model" : "a", "t": 1.50, "e": 1e2, "s": "\\u00e9\\/" }'
    assert splice_model(split_object(body), "b") == (
        b'{"seed":99999999999999999999,"model":"b","t":1.50,"e":1e2,"s":"\\u00e9\\/"}'
    )


def test_of_duplicate_keys_one_is_judged_and_the_same_is_forwarded() -> None:
    document = split_object(b'{"model":"cheap","a":1,"mod\\u0065l":"dear"}')
    assert text_field(document, "model") == "dear"
    assert splice_model(document, text_field(document, "model") or "") == b'{"model":"dear","a":1}'


def named(count: int, name: str = "a%d") -> bytes:
    return b"{%b}" % b",".join(b'"%b" : 1' % (name.replace("%d", str(number))).encode() for number in range(count))


def test_names_beyond_number_are_refused_and_others_are_not() -> None:
    assert len(split_object(named(MAX_NAMES))) == MAX_NAMES
    for body in (named(MAX_NAMES + 1), named(100_000, ""), named(100_000, "\\u0061%d")):
        with pytest.raises(InvalidJSON, match=r"more than 4,096 names at its top level"):
            split_object(body)
    below = split_object(b'{"a":%b,"b":[%b],"c":"%b"}' % (named(10_000), named(10_000), b"a:" * 10_000))
    assert list(below) == ["a", "b", "c"]


@pytest.mark.parametrize("body", [b"[%b]" % named(10_000), named(10_000) + b"}", b'"%b"' % (b":" * 100_000)])
def test_what_is_wrong_besides_is_told_as_ever(body: bytes) -> None:
    with pytest.raises(InvalidJSON, match=r"must be a JSON object|is not valid JSON|names"):
        split_object(body)


def test_a_bom_is_dropped() -> None:
    assert splice_model(split_object(b'\xef\xbb\xbf{"a":1}'), "m") == b'{"a":1,"model":"m"}'


_KILLERS = {
    "empty": b"",
    "blank": b"  \n",
    "array": b"[1]",
    "string": b'"x"',
    "null": b"null",
    "cut": b'{"a":',
    "trailing": b'{"a":1}x',
    "nul": b'{"a":1}\x00',
    "nan": b'{"a":NaN}',
    "infinity": b'{"a":[-Infinity]}',
    "single quotes": b"{'a':1}",
    "comment": b'{"a":1/**/}',
    "high surrogate": b'{"a":"\\ud800"}',
    "low surrogate": b'{"a":{"b":"\\udc00x"}}',
    "surrogate in key": b'{"\\ud800x":1}',
    "encoded surrogate": b'{"a":"\xed\xa0\x80"}',
    "latin-1": b'{"a":"\xe9"}',
    "utf-16": '{"a":1}'.encode("utf-16"),
    "utf-16be": '{"a":1}'.encode("utf-16-be"),
    "utf-32": '{"a":1}'.encode("utf-32"),
    "control": b'{"a":"\x01"}',
    "leading zero": b'{"a":01}',
    "5000 digits": b'{"a":' + b"9" * 5000 + b"}",
    "deep": b'{"a":' + b"[" * 500 + b"]" * 500 + b"}",
    "deep objects": b'{"a":' + b'{"a":' * 300 + b"1" + b"}" * 301,
    "very deep": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "5 MB of brackets": b"[" * 5_000_000,
    "deep after quotes": b'{"q":"\\\\\\"[[","a":' + b"[" * 250 + b"]" * 250 + b"}",
}


@pytest.mark.parametrize("body", _KILLERS.values(), ids=_KILLERS)
def test_killers_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidJSON) as caught:
        split_object(body)
    assert caught.value.http_status == 400


@pytest.mark.parametrize(
    ("body", "param"),
    [(b'{"a":"\\ud83d"}', "a"), (b'{"a":[{"b":"\\udc00x"}]}', "a.0.b"), (b'{"\\ud83d":1}', None)],
)
def test_half_a_character_is_told_with_its_place(body: bytes, param: str | None) -> None:
    with pytest.raises(InvalidJSON, match="half of a surrogate pair") as caught:
        split_object(body)
    assert caught.value.param == param


@pytest.mark.parametrize("body", [b'{"a":"\\ud83d"', b'{"a":"\\ud83d\\ude00"]', b'{"a":"\\ud83d",' + b"[" * 5000])
def test_other_faults_beside_one_are_told_as_ever(body: bytes) -> None:
    with pytest.raises(InvalidJSON) as caught:
        split_object(body)
    assert "surrogate" not in caught.value.message


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}",
        b'{"a":[' + b",".join([b"[[]]"] * 5000) + b"]}",
        json.dumps({"a": "[" * 5000 + '"' + "\\" * 7 + '"' + "{" * 5000}).encode(),
        json.dumps({"a": "9" * 5000}).encode(),
        b'{"a":' + b"9" * 300 + b"}",
        b'{"a":0.' + b"1" * 5000 + b"}",
    ],
    ids=["at the limit", "wide", "brackets in a string", "digits in a string", "300 digits", "long fraction"],
)
def test_what_only_looks_dangerous_passes(body: bytes) -> None:
    assert not math.isinf(len(split_object(body)))


def test_many_numbers_a_digit_short_of_the_limit_take_no_longer_than_others() -> None:
    body = b'{"a":[' + b",".join([b"9" * 299] * 50_000) + b"]}"
    began = time.process_time()
    assert list(split_object(body)) == ["a"]
    assert time.process_time() - began < 4


def test_a_long_number_is_judged_by_itself() -> None:
    """Not with all that stands around it, which would be built as objects: a hundred times the memory of the body."""
    body = b'{"a":[0.' + b"1" * 300 + b",[]" * 1_000_000 + b"]}"
    tracemalloc.start()
    split_object(body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * len(body)


@pytest.mark.parametrize("value", [b"1", b"[]", b"{}", b"true"])
def test_a_model_that_is_no_string_names_the_field(value: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        text_field(split_object(b'{"model":%s}' % value), "model")
    assert caught.value.param == "model"


def test_a_missing_or_null_field_is_none() -> None:
    assert text_field(split_object(b'{"a":null}'), "a") is None
    assert text_field(split_object(b"{}"), "a") is None
