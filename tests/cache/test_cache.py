"""The response cache: what is equal, what is kept, what is given again, and what it may take.

Rows of docs/acceptance.md: A000-18.
"""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cache import Entry, ResponseCache, Wish, cache_key, keep, read_wish, replay
from gateway.errors import InvalidRequest, UpstreamBadResponse
from gateway.openai_api.call import Reply, Take, Usage
from gateway.openai_api.operations import CHAT, EMBEDDINGS, TRANSCRIPTIONS, Operation
from gateway.openai_api.sse import DONE
from tests.fakes.streams import first_pieces, streamed_pieces

BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "temperature": 0.2}
FIRST = b'data: {"choices":[{"index":0,"delta":{"content":"caf\xc3\xa9 \\u00e9"}}]}\n\n'
LAST = b'data: {"choices":[{"index":0,"delta":{},"finish_reason": "stop"}]}\n\n'
WHOLE = [FIRST, LAST, DONE]


def key(
    tenant: str = "ann", route: str = "m", operation: Operation = CHAT, stream: bool = False, **changes: Any
) -> bytes | None:
    return cache_key(tenant, route, operation, json.dumps(BODY | changes).encode(), stream=stream)


class Pieces:
    """A stream of ours that gives these pieces and may break behind them."""

    def __init__(self, pieces: list[bytes], fails: bool = False) -> None:
        self.usage = Usage(3, 5, 1)
        self.closed = False
        self._pieces, self._fails = pieces, fails

    async def pour(self, take: Take) -> None:
        for piece in self._pieces:
            if (waiting := take([piece])) is not None:
                await waiting
        if self._fails:
            raise UpstreamBadResponse("cut")

    async def aclose(self) -> None:
        self.closed = True


def streamed(pieces: list[bytes], fails: bool = False) -> Reply:
    return Reply(
        200, "text/event-stream", Pieces(pieces, fails), {"x-gateway-provider": "p", "x-gateway-attempts": "1"}
    )


def entry(size: int, stored_at: float = 0.0) -> Entry:
    return Entry("application/json", (b"x" * size,), False, stored_at)


# --- what is equal ---------------------------------------------------------------------------------------


def test_the_order_of_fields_and_the_name_of_the_model_do_not_matter() -> None:
    turned = json.dumps(dict(reversed(BODY.items())) | {"model": "an alias"}).encode()
    assert cache_key("ann", "m", CHAT, turned, stream=False) == key()


@pytest.mark.parametrize("field", ["user", "metadata", "safety_identifier", "prompt_cache_key", "stream_options"])
def test_fields_that_do_not_shape_a_whole_answer_are_left_out(field: str) -> None:
    change: dict[str, Any] = {field: {"a": "b"}}
    assert key(**change) == key()


def test_what_a_stream_says_of_usage_is_part_of_it() -> None:
    assert key(stream=True, stream_options={"include_usage": True}) != key(stream=True)


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.3},
        {"seed": 1},
        {"max_tokens": 5},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"messages": [{"role": "user", "content": "hello "}]},
        {"anything_new": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_other_field_makes_another_request(change: dict[str, Any]) -> None:
    assert key(**change) not in (None, key())


def test_tenants_routes_operations_and_kinds_of_answer_are_kept_apart() -> None:
    keys = [key(), key("bob"), key(route="n"), key(operation=EMBEDDINGS), key(stream=True)]
    assert None not in keys and len(set(keys)) == len(keys)


@given(st.lists(st.text(max_size=4), min_size=2, max_size=2), st.lists(st.text(max_size=4), min_size=2, max_size=2))
def test_no_two_tenants_and_routes_read_alike(one: list[str], other: list[str]) -> None:
    assert (key(one[0], one[1]) == key(other[0], other[1])) == (one == other)


@pytest.mark.parametrize(
    "change",
    [
        {"web_search_options": {}},
        {"store": True},
        {"background": True},
        {"plugins": [{"id": "web"}]},
        {"tools": [{"type": "web_search"}]},
        {"tools": [{"type": "function"}, {"type": "code_interpreter"}]},
        {"tools": "odd"},
    ],
    ids=str,
)
def test_answers_that_depend_on_the_moment_or_act_at_the_provider_have_no_key(change: dict[str, Any]) -> None:
    assert key(**change) is None


def test_files_have_no_key() -> None:
    assert key(operation=TRANSCRIPTIONS) is None


# --- what a request wants --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "by_default", "wish"),
    [
        ({}, False, Wish()),
        ({}, True, Wish(True, True)),
        ({"x-gateway-cache": "on"}, False, Wish(True, True)),
        ({"x-gateway-cache": " OFF "}, True, Wish()),
        ({"x-gateway-cache": "on", "cache-control": "no-cache"}, False, Wish(False, True)),
        ({"x-gateway-cache": "on", "cache-control": "max-age=0, No-Store"}, True, Wish()),
        ({"cache-control": "no-cache"}, False, Wish()),
    ],
    ids=str,
)
def test_headers_win_over_the_default_of_the_key(headers: dict[str, str], by_default: bool, wish: Wish) -> None:
    assert read_wish(headers, by_default) == wish


def test_another_word_in_the_header_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match=r"x-gateway-cache.*on or off"):
        read_wish({"x-gateway-cache": "yes"}, False)


# --- what is kept and given again ------------------------------------------------------------------------


async def test_a_stream_is_given_again_byte_for_byte_as_a_stream() -> None:
    cache = ResponseCache(10**6, 60)
    first = keep(streamed([b": loading\n\n", *WHOLE]), cache, b"k")
    assert first.headers["x-gateway-cache"] == "miss"
    assert await streamed_pieces(first) == [b": loading\n\n", *WHOLE]
    found = cache.get(b"k", time.time())
    assert found is not None
    again = replay(found)
    assert await streamed_pieces(again) == WHOLE
    assert (again.status, again.media_type) == (200, "text/event-stream")
    assert 0 <= int(again.headers.pop("age")) <= 60
    assert again.headers == {"x-gateway-provider": "p", "x-gateway-cache": "hit"}
    assert not isinstance(again.body, bytes) and again.body.usage == Usage(3, 5, 1)


def test_a_whole_answer_is_given_again_with_its_usage() -> None:
    cache = ResponseCache(10**6, 60)
    keep(Reply(200, "application/json", b'{"a": 1}', {"x-gateway-model": "u"}, Usage(1, 2)), cache, b"k")
    found = cache.get(b"k", time.time())
    assert found is not None
    assert (replay(found).body, replay(found).usage) == (b'{"a": 1}', Usage(1, 2))


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [FIRST],
        [FIRST, LAST],
        [FIRST, DONE],
        [FIRST, b'data: {"choices":[],"gateway":{"restart":true}}\n\n', FIRST, LAST, DONE],
    ],
    ids=["empty", "cut", "no DONE", "no finish", "restarted"],
)
async def test_a_stream_that_is_not_whole_is_not_kept(pieces: list[bytes]) -> None:
    cache = ResponseCache(10**6, 60)
    assert await streamed_pieces(keep(streamed(pieces), cache, b"k")) == pieces
    assert len(cache) == 0


async def test_a_stream_that_breaks_is_not_kept_and_still_breaks() -> None:
    cache = ResponseCache(10**6, 60)
    with pytest.raises(UpstreamBadResponse):
        await streamed_pieces(keep(streamed(WHOLE, fails=True), cache, b"k"))
    assert len(cache) == 0


async def test_a_stream_that_the_caller_leaves_is_closed_and_not_kept() -> None:
    cache, source = ResponseCache(10**6, 60), streamed(WHOLE)
    reply = keep(source, cache, b"k")
    assert not isinstance(reply.body, bytes) and isinstance(source.body, Pieces)
    assert await first_pieces(reply.body) == WHOLE[:1]
    await reply.body.aclose()
    assert source.body.closed
    assert len(cache) == 0


@pytest.mark.parametrize("status", [201, 400, 500])
def test_only_a_200_is_kept(status: int) -> None:
    cache = ResponseCache(10**6, 60)
    reply = Reply(status, "application/json", b"{}")
    assert keep(reply, cache, b"k") is reply
    assert len(cache) == 0


# --- bounds ----------------------------------------------------------------------------------------------


def test_an_old_entry_is_never_given_and_a_clock_that_jumps_back_gives_none() -> None:
    cache = ResponseCache(10**6, ttl=10)
    cache.put(b"k", entry(1, stored_at=100))
    assert cache.get(b"k", 109.9) is not None
    assert cache.get(b"k", 110) is None
    cache.put(b"k", entry(1, stored_at=100))
    assert cache.get(b"k", 99) is None
    assert (cache.size, cache.counts.expired) == (0, 2)


def test_the_longest_unused_goes_first() -> None:
    cache = ResponseCache(8 * entry(1000).size, 60)
    for name in range(8):
        cache.put(bytes([name]), entry(1000))
    assert cache.get(b"\0", 1) is not None
    cache.put(b"new", entry(1000))
    assert cache.get(b"\1", 1) is None
    assert cache.get(b"\0", 1) is not None and cache.get(b"new", 1) is not None
    assert cache.counts.evicted == 1


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=1), st.integers(0, 9_000)), max_size=60))
def test_the_cache_never_takes_more_than_it_may(puts: list[tuple[bytes, int]]) -> None:
    cache = ResponseCache(40_000, 60)
    for name, size in puts:
        cache.put(name, entry(size))
        assert cache.size <= 40_000
        found = cache.get(name, 1)
        assert (found is None) == (entry(size).size > cache.max_entry)
    cache.clear()
    assert (cache.size, len(cache)) == (0, 0)


async def test_an_answer_past_the_largest_entry_passes_unkept() -> None:
    cache = ResponseCache(16_000, 60)
    pieces = [FIRST.replace(b"caf", b"c" * 3_000), LAST, DONE]
    assert await streamed_pieces(keep(streamed(pieces), cache, b"k")) == pieces
    assert (len(cache), cache.counts.refused) == (0, 1)


def test_the_hit_rate_of_an_empty_cache_is_0() -> None:
    """A003-14."""
    cache = ResponseCache(1000, 60)
    assert cache.counts.hit_rate == 0
    cache.get(b"k", 0)
    assert cache.counts.hit_rate == 0
    cache = ResponseCache(10**6, 60)
    cache.put(b"k", entry(1))
    cache.get(b"k", 0)
    cache.get(b"l", 0)
    assert (cache.counts.hits, cache.counts.misses, cache.counts.hit_rate) == (1, 1, 0.5)
