"""Large documents are read, written and freed row by row, and mean what they meant."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog import documents
from gateway.catalog.client import JsonClient
from gateway.catalog.documents import dumps, let_go, loads
from gateway.catalog.sources.llm import LlmModels
from tests.catalog.documents import listed
from tests.catalog.platform import FakePlatform

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def all_are_large() -> Iterator[None]:
    before, documents.LARGE = documents.LARGE, 4
    yield
    documents.LARGE = before


@given(VALUES)
def test_in_parts_a_document_is_the_same(document: Any) -> None:
    body = orjson.dumps(document)
    assert dumps(document) == body and loads(body) == orjson.loads(body)


@given(VALUES, st.integers(0, 400), st.sampled_from([b"", b"{", b"]", b'"', b",", b"\xff", b"\\", b"0", b"\n"]))
def test_what_is_no_json_is_refused_in_parts_too(document: Any, at: int, instead: bytes) -> None:
    body = orjson.dumps(document)
    at %= len(body)
    body = body[:at] + instead + body[at + 1 :]
    try:
        whole = orjson.loads(body)
    except orjson.JSONDecodeError:
        with pytest.raises(orjson.JSONDecodeError):
            loads(body)
    else:
        assert loads(body) == whole


@pytest.mark.parametrize(
    "body", [b"", b"[" * 3000 + b"]" * 3000, b'{"a":' * 3000 + b"1" + b"}" * 3000, b'{"a":"\xed\xa0\x80"}']
)
def test_what_is_too_deep_or_no_text_is_no_json(body: bytes) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        loads(body)


def test_only_lists_are_taken_apart() -> None:
    row = {"id": 1}
    document = {"data": [row, row], "about": {"x": [1]}}
    let_go(document)
    assert document == {"data": [], "about": {"x": [1]}} and row == {"id": 1}
    let_go(bare := [1, 2])
    let_go(None)
    assert bare == []


async def test_a_large_list_is_read_from_the_network_in_parts(platform: FakePlatform, client: JsonClient) -> None:
    platform.models = [listed(f"org/model-{n}") for n in range(300)]
    document = await LlmModels(platform.url).fetch(client)
    assert document["data"] == platform.models
