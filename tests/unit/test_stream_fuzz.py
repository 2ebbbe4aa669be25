"""Streams of events that were cut, torn or mutated on the way: only declared errors, and never a false end."""

import asyncio
import json
import re
from collections.abc import Mapping
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import GatewayError
from gateway.openai_api.sse import DONE, data_of, is_done
from gateway.providers.stream import ChunkStream
from gateway.providers.transport.base import TakeBody


def chunk(**choice: object) -> bytes:
    document = {"id": "x", "object": "chat.completion.chunk", "choices": [{"index": 0, **choice}]}
    return b"data: " + json.dumps(document).encode() + b"\n\n"


EVENTS = [
    b": welcome\n\n",
    chunk(delta={"role": "assistant"}, finish_reason=None),
    *(chunk(delta={"content": word}, finish_reason=None) for word in ("Hé ", 'say "data: [DONE]" ', "\n\n", "bye")),
    chunk(index=1, delta={"content": "other"}, finish_reason=None),
    chunk(index=1, delta={}, finish_reason="stop"),
    chunk(delta={}, finish_reason="length"),
    b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n',
    DONE,
]
STREAM = b"".join(EVENTS)
ENDS = len(b"".join(EVENTS[:9]))
"""From here on every choice has said how it ended."""
ODD = [
    b"\n", b"\n\n", b"\r", b"\r\n\r\n", b"data:", b"data: ", b"data: [DONE]\n\n", b"[DONE]", b"event: error\n",
    b": c\n", b"\x00", b"\xff", b"{", b"}", b"[" * 50, b'"', b"null", b'"error":{"message":"x"},', b'"choices":null,',
    b'"finish_reason":"stop",', b'"index":9,', b'"index":-1e99,', b'data: {"usage":{}}\n\n', b"\xef\xbb\xbf",
    b"id: 1\n",
]  # fmt: skip
MUTATION = st.tuples(
    st.integers(0, len(STREAM)), st.integers(0, 80), st.sampled_from([*ODD, b"", *EVENTS]) | st.binary(max_size=4)
)


class Response:
    """An `HttpResponse` whose body is given, in pieces."""

    status, idle = 200, 60.0
    headers: Mapping[str, str] = {}

    def __init__(self, body: bytes, cuts: list[int]) -> None:
        edges = sorted({0, len(body), *(min(cut, len(body)) for cut in cuts)})
        self._pieces = [body[a:b] for a, b in pairwise(edges)]
        self.closed = self.drained = False

    async def read(self, limit: int) -> bytes:
        return b"".join(self._pieces)

    async def pour(self, take: TakeBody) -> None:
        for piece in self._pieces:
            take(piece)

    async def drain(self, seconds: float) -> None:
        self.drained = True

    async def aclose(self) -> None:
        self.closed = True


def outcome(body: bytes, cuts: list[int], limit: int = 4096) -> tuple[list[bytes], GatewayError | None]:
    """What came out, and the declared error that ended it. Any other exception passes."""
    response = Response(body, cuts)

    async def collect() -> tuple[list[bytes], GatewayError | None]:
        found: list[bytes] = []
        try:
            await ChunkStream(response, limit=limit).pour(found.extend)
        except GatewayError as error:
            assert response.closed, "the upstream is let go"
            return found, error
        return found, None

    with asyncio.Runner() as runner:
        return runner.run(collect())


def check_events(events: list[bytes], error: GatewayError | None) -> None:
    """Every event is whole and valid, and the end is said once, at the end, and only of a whole answer."""
    ended = [n for n, event in enumerate(events) if is_done(event)]
    assert ended == ([] if error else [len(events) - 1])
    for event in events:
        data = data_of(event)
        assert event.endswith(b"\n\n") and (data is None or is_done(event) or isinstance(json.loads(data), dict))


CUTS = st.lists(st.integers(0, len(STREAM)), max_size=6)


@given(CUTS)
@settings(max_examples=300, deadline=None)
def test_a_stream_is_the_same_however_it_was_torn(cuts: list[int]) -> None:
    assert outcome(STREAM, cuts) == (EVENTS, None)


@given(st.integers(0, len(STREAM)), CUTS)
@settings(max_examples=600, deadline=None)
def test_a_cut_stream_ends_well_only_when_every_choice_had_ended(end: int, cuts: list[int]) -> None:
    events, error = outcome(STREAM[:end], cuts)
    check_events(events, error)
    if end < ENDS - 2:
        assert error is not None, "half an answer is none"
    told = [event for event in events if data_of(event) is not None and not is_done(event)]
    assert told == EVENTS[1 : len(told) + 1], "nothing is lost on the way and nothing added"


@given(st.lists(MUTATION, min_size=1, max_size=5), CUTS)
@settings(max_examples=2000, deadline=None)
def test_mutated_streams_raise_only_declared_errors_and_never_end_falsely(
    mutations: list[tuple[int, int, bytes]], cuts: list[int]
) -> None:
    body = _mutated(mutations)
    events, error = outcome(body, cuts)
    check_events(events, error)
    if error is None and not _says_done(body):
        assert not _open_choices(events), "the end was made up"


@given(st.lists(MUTATION, min_size=1, max_size=3))
@settings(max_examples=1000, deadline=None)
def test_mutated_streams_are_judged_alike_whole_and_event_by_event(mutations: list[tuple[int, int, bytes]]) -> None:
    body = _mutated(mutations)
    whole, broken = outcome(body, [])
    events, error = outcome(body, [found.end() for found in re.finditer(rb"\n\n", body)])
    assert events == whole
    assert repr(error) == repr(broken)


@given(st.binary(max_size=300), CUTS)
@settings(max_examples=500, deadline=None)
def test_noise_is_no_stream(noise: bytes, cuts: list[int]) -> None:
    events, error = outcome(noise, cuts)
    assert error is not None and all(data_of(event) is None for event in events)


def _mutated(mutations: list[tuple[int, int, bytes]]) -> bytes:
    body = STREAM
    for place, length, put in mutations:
        body = body[:place] + put + body[place + length :]
    return body


def _says_done(body: bytes) -> bool:
    lines = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return any(line.removeprefix(b"data:").strip() == b"[DONE]" for line in lines)


def _open_choices(events: list[bytes]) -> set[int]:
    """Those that never had a reason to end; what comes behind that opens none again."""
    begun: set[int] = set()
    ended: set[int] = set()
    for event in events:
        if (data := data_of(event)) is None or is_done(event):
            continue
        for choice in json.loads(data).get("choices") or ():
            (ended if choice.get("finish_reason") else begun).add(choice.get("index", 0))
    return begun - ended
