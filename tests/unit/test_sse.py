"""Events come out whole and alike however the network cut them."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import UpstreamBadResponse
from gateway.openai_api.continuation import SaidSoFar
from gateway.openai_api.sse import DONE, EventSplitter, comment, data_of, event, is_done, plain_data

_pieces = st.lists(
    st.sampled_from(
        [b"data: a", b"data:b", b"\n", b"\r", b"\r\n", b"\n\n", b": c", b"\xef\xbb\xbf", b"id: 1", "é".encode()]
    ),
    max_size=25,
).map(b"".join)


def _run(chunks: list[bytes]) -> tuple[list[bytes], bytes]:
    splitter = EventSplitter()
    return [event for chunk in chunks for event in splitter.feed(chunk)], splitter.rest


@given(_pieces, st.lists(st.integers(0, 80), max_size=12))
def test_any_cut_gives_the_same_events(stream: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[a:b] for a, b in itertools.pairwise(edges)]
    assert _run(chunks) == _run([stream]) == _run([stream[i : i + 1] for i in range(len(stream))])


_chunks = st.lists(
    st.sampled_from(
        [b'data: {"a": 1}\n\n', b"data: {}\n\n", b"data: {", b"}\n\n", b"data: {\r}\n\n", b"\n", b"\r", b""]
    )
)


@given(_chunks)
def test_a_chunk_that_is_one_plain_event_would_come_out_of_feed_as_it_is(chunks: list[bytes]) -> None:
    splitter = EventSplitter()
    for chunk in chunks:
        data = splitter.one_plain(chunk)
        events = splitter.feed(chunk)
        if data is not None:
            assert events == [chunk] and data == data_of(chunk) and splitter.rest == b""


def test_after_the_first_event_usual_chunks_are_plain() -> None:
    splitter = EventSplitter(limit=20)
    usual = b'data: {"a": 1}\n\n'
    assert splitter.one_plain(usual) is None  # a byte order mark may come before the first
    assert splitter.feed(usual) == [usual]
    assert splitter.one_plain(usual) == b'{"a": 1}'
    assert splitter.one_plain(b'data: {"a": "long"}\n\n') is None


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_all_three_line_ends_and_a_bom(end: bytes) -> None:
    stream = b"\xef\xbb\xbf" + end.join(
        [b": hi", b"", b"event: x", b"data: 1", b"data: 2", b"", b"data: [DONE]", b"", b""]
    )
    events, rest = _run([stream])
    assert events == [b": hi\n\n", b"event: x\ndata: 1\ndata: 2\n\n", DONE]
    assert rest in (b"", b"\n")
    assert [data_of(event) for event in events] == [None, b"1\n2", b"[DONE]"]
    assert [is_done(event) for event in events] == [False, False, True]


def test_blank_lines_before_an_event_are_none_of_it() -> None:
    splitter = EventSplitter()
    pieces = [
        b"data: 1\n\n",
        b"\ndata: 2\n\n",
        b"\n",
        b"data: 3\n\n",
        b"\n\n",
        b"d",
        b"ata: 4\n\n",
        b"\r\n",
        b"data: 5\n\n",
    ]
    events = [event for piece in pieces for event in splitter.feed(piece)]
    assert events == [b"data: %d\n\n" % number for number in (1, 2, 3, 4, 5)]


def test_a_cut_stream_shows_in_rest() -> None:
    splitter = EventSplitter()
    assert splitter.feed(b"data: 1\n\ndata: {") == [b"data: 1\n\n"]
    assert splitter.rest == b"data: {"


@pytest.mark.parametrize("chunk", [b"data: " + b"x" * 200, b"data: " + b"x" * 200 + b"\n\n"])
def test_an_endless_event_is_refused(chunk: bytes) -> None:
    splitter = EventSplitter(limit=100)
    splitter.feed(b"data: 1\n\n")
    with pytest.raises(UpstreamBadResponse):
        splitter.feed(chunk)


def test_an_endless_event_in_small_pieces_is_refused() -> None:
    splitter = EventSplitter(limit=1000)
    with pytest.raises(UpstreamBadResponse):
        for _ in range(2000):
            splitter.feed(b"x")


def test_own_events() -> None:
    assert comment("engine\nloading") == b": engine loading\n\n"
    assert data_of(event(b"{}")) == b"{}"
    assert not is_done(event(b'{"text": "[DONE]"}'))
    assert is_done(b"data:[DONE]\n\n")


def test_plain_data_is_that_of_one_line_with_an_object() -> None:
    assert plain_data(b'data: {"a":1}\n\n') == b'{"a":1}'
    for other in (b": hello\n\n", b"data: [DONE]\n\n", b'data: {"a":1}\ndata: 2\n\n', b'event: x\ndata: {"a":1}\n\n'):
        assert plain_data(other) is None


def test_a_long_answer_is_told_whole_however_late_it_is_read() -> None:
    said, words = SaidSoFar(), [f"word-{n} " for n in range(2000)]
    for word in words:
        said.note([event(b'{"choices":[{"index":0,"delta":{"content":"%b"}}]}' % word.encode())])
    assert (said.text, said.count, said.joinable, said.finished) == ("".join(words), 2000, True, False)
    said.note([event(b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}')])
    assert said.finished


def test_what_was_said_cannot_be_joined_to_once_a_part_of_it_cannot_be_read() -> None:
    said = SaidSoFar()
    said.note([event(b'{"choices":[{"index":0,"delta":{"role":"assistant"}}]}')])
    said.note([comment("still there")])
    assert said.joinable
    said.note([event(b'{"choices":[{"index":0,"delta":{"content":["a","list"]}}]}')])
    assert not said.joinable
