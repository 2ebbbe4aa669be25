"""Documents come back as they were, whatever is in them; what cannot come back is refused."""

import asyncio
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import InvalidRequest
from gateway.store.documents import bounded, clean, from_json, to_json
from gateway.store.records import Put, Resource
from tests.store.conftest import TOLD, Home

TEXT = st.text(st.characters(codec=None, categories=None)) | st.text()
NUMBERS = st.integers() | st.integers(-(2**200), 2**200) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(TEXT, VALUES, max_size=5)
ODD: dict[str, Any] = {
    "": "", "nul": "\0", "surrogate": "\ud800x", "emoji": "🦆", "rtl": "\u202e", "big": 2**63, "bigger": -(10**300),
    "tiny": 5e-324, "zero": -0.0, "none": None, "nested": [[[{"a": [None, True, 1.5]}]]], "key\0\udfff": 1,
    "quote": "'\"\\;--", "json": '{"a": 1}', "long": "x" * 100_000,
}  # fmt: skip


def same(one: Any, other: Any) -> bool:
    """Equal, with types: 1, 1.0 and True are three things."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    return bool(one == other)


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS)
def test_a_document_and_its_text_are_one(document: dict[str, Any]) -> None:
    text = to_json(document)
    assert text.isascii() and "\0" not in text and same(from_json(text), document)


async def test_documents_come_back_from_the_database(home: Home) -> None:
    store = await home.open()
    _, (record,) = await store.write([Put(Resource.SETTINGS, "odd", ODD, {"s": "sealed\u0000🦆"}, "hándle ü")], TOLD)
    found = await store.get(Resource.SETTINGS, "odd")
    assert found == record and found and same(found.document, ODD)
    loop = asyncio.get_running_loop()

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(DOCUMENTS)
    def check(document: dict[str, Any]) -> None:
        writing = store.write([Put(Resource.SETTINGS, "one", document)], TOLD)
        asyncio.run_coroutine_threadsafe(writing, loop).result(30)
        found = asyncio.run_coroutine_threadsafe(store.get(Resource.SETTINGS, "one"), loop).result(30)
        assert found and same(found.document, document)

    await asyncio.to_thread(check)


@pytest.mark.parametrize("bad", [{"a": math.nan}, {"a": [math.inf]}, {"a": b"x"}, {"a": {1, 2}}])
def test_what_is_no_json_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="JSON"):
        to_json(bad)


@given(TEXT)
def test_any_text_can_be_cleaned(text: str) -> None:
    assert "\0" not in clean(text) and len(clean(text).encode()) <= 4000
    assert clean("Wörter 🦆") == "Wörter 🦆"


@given(st.integers(-(2**80), 2**80))
def test_any_count_fits(number: int) -> None:
    assert -(2**63) < (bounded(number) or 0) < 2**63
    assert bounded(None) is None and bounded(7) == 7
