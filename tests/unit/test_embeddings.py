"""Vectors arrive in the asked encoding, whichever the upstream chose.

Rows of docs/acceptance.md: A000-10, A002-23.
"""

import base64
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CreateEmbeddingResponse

from gateway.errors import InvalidRequest, UpstreamBadResponse
from gateway.openai_api.embeddings import ensure_encoding, refuse_empty_input

_vectors = st.lists(
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=8), min_size=1, max_size=3
)


def _answer(vectors: list[object]) -> bytes:
    rows = [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(vectors)]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return json.dumps({"object": "list", "data": rows, "model": "m", "usage": usage}).encode()


@given(_vectors)
def test_there_and_back(vectors: list[list[float]]) -> None:
    packed = ensure_encoding(_answer(list(vectors)), "base64")
    for row, vector in zip(json.loads(packed)["data"], vectors, strict=True):
        assert base64.b64decode(row["embedding"]) == struct.pack(f"<{len(vector)}f", *vector)
    answer = CreateEmbeddingResponse.model_validate_json(ensure_encoding(packed, "float"))
    assert [row.embedding for row in answer.data] == vectors


@pytest.mark.parametrize(("vector", "asked"), [([1.0], "float"), ("AACAPw==", "base64")])
def test_what_is_right_is_not_touched(vector: object, asked: str) -> None:
    body = _answer([vector])
    assert ensure_encoding(body, asked) is body


@pytest.mark.parametrize("vector", [[1, 2], "AQID"])
def test_another_encoding_is_between_caller_and_provider(vector: object) -> None:
    body = _answer([vector])
    assert ensure_encoding(body, "ubinary") is body


def test_an_answer_without_vectors_is_not_touched() -> None:
    assert ensure_encoding(b'{"data":[]}', "base64") == b'{"data":[]}'


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        (_answer([["x"]]), "base64"),
        (_answer(["AAA"]), "float"),
        (_answer(["AAAA"]), "float"),
        (b'{"embedding":[1.0]}', "base64"),
        (b'{"data":[{"embedding":[1', "base64"),
    ],
)
def test_garbage_is_the_providers_fault(body: bytes, asked: str) -> None:
    with pytest.raises(UpstreamBadResponse):
        ensure_encoding(body, asked)


@pytest.mark.parametrize("value", [b"[]", b"[ ]", b'""', b"null"])
def test_empty_input_is_refused(value: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        refuse_empty_input(value)
    assert caught.value.param == "input"


@pytest.mark.parametrize("value", [b'"a"', b'["a"]', b"[1,2]", b'[""]'])
def test_other_input_is_the_upstreams_to_judge(value: bytes) -> None:
    refuse_empty_input(value)
