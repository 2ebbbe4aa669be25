"""Answers that were cut, torn or mutated on the way: only the declared errors come out, and never half an answer as a
whole one."""

import asyncio
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import GatewayError
from gateway.providers.transport.base import Transport
from tests.fakes.raw_server import Peer, RawServer, raw_server
from tests.unit.transport.kit import IMPLEMENTATIONS, PRIVATE, Make, ask

BODY = b'{"id":"x","choices":[{"index":0,"message":{"content":"hello"}}]}'
FRAMES = [
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY),
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\n%b\r\n%x;name=value\r\n%b\r\n0\r\nx-trailer: 1\r\n\r\n" % (BODY[:5], len(BODY) - 5, BODY[5:]),
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nx-a: 1\r\nx-a: 2\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(BODY), BODY),
]
ODD = [
    b"\r\n", b"\n", b"\r", b"\x00", b"\xff", b" ", b":", b";", b"0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"-1", b"+5",
    b"ffffffffffffffffff", b"content-length: 3\r\n", b"transfer-encoding: chunked\r\n", b"transfer-encoding: gzip\r\n",
    b"content-encoding: br\r\n", b"HTTP/1.1 101 Switching\r\nupgrade: h2c\r\n\r\n", b"HTTP/2.0 200 OK\r\n\r\n",
]  # fmt: skip
MUTATION = st.tuples(st.integers(0, 300), st.integers(0, 12), st.sampled_from([*ODD, b""]) | st.binary(max_size=4))


class Desk:
    """A server that answers each request with `pieces` and closes, and a transport that asks it."""

    def __init__(self, make: Make) -> None:
        self.runner = asyncio.Runner()
        self.pieces: list[bytes] = []
        self.serving = raw_server(self._script)
        self.server: RawServer = self.runner.run(self.serving.__aenter__())
        self.transport: Transport = make(PRIVATE)

    def close(self) -> None:
        self.runner.run(self.transport.aclose())
        self.runner.run(self.serving.__aexit__(None, None, None))
        self.runner.close()

    def fetch(self, *pieces: bytes) -> bytes | GatewayError:
        """The whole body, or what was declared to go wrong. Any other exception passes."""
        self.pieces = list(pieces)
        return self.runner.run(self._fetch())

    async def _script(self, peer: Peer) -> None:
        if await peer.request():
            await peer.say(*self.pieces, pause=0.001 if len(self.pieces) > 1 else 0)

    async def _fetch(self) -> bytes | GatewayError:
        try:
            return await (await self.transport.send(ask(self.server, first_byte=20.0))).read(100_000)
        except GatewayError as error:
            return error
        finally:
            await self.transport.aclose()  # the server closes too: a kept connection would be a race between them


@pytest.fixture(scope="module", params=IMPLEMENTATIONS, ids=lambda make: make.__name__)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    made = Desk(request.param)
    yield made
    made.close()


@pytest.mark.parametrize("frame", FRAMES)
def test_a_cut_answer_is_never_a_whole_one(desk: Desk, frame: bytes) -> None:
    assert desk.fetch(frame) == BODY
    whole = next(n for n in range(len(frame) + 1) if frame[:n].endswith((BODY, b"\r\n0\r\nx-trailer: 1\r\n\r\n")))
    for cut in range(whole):
        assert isinstance(desk.fetch(frame[:cut]), GatewayError), frame[:cut]


@given(frame=st.sampled_from(FRAMES), cuts=st.lists(st.integers(0, 300), max_size=6))
@settings(max_examples=150, deadline=None)
def test_an_answer_is_the_same_however_it_was_torn(desk: Desk, frame: bytes, cuts: list[int]) -> None:
    edges = sorted({0, len(frame), *(min(cut, len(frame)) for cut in cuts)})
    assert desk.fetch(*(frame[a:b] for a, b in pairwise(edges))) == BODY


@given(frame=st.sampled_from(FRAMES), mutations=st.lists(MUTATION, min_size=1, max_size=4))
@settings(max_examples=800, deadline=None)
def test_mutated_answers_raise_only_declared_errors(
    desk: Desk, frame: bytes, mutations: list[tuple[int, int, bytes]]
) -> None:
    for place, length, put in mutations:
        frame = frame[:place] + put + frame[place + length :]
    began = time.monotonic()
    got = desk.fetch(frame)
    assert time.monotonic() - began < 15, "nobody waits for what cannot come any more"
    if isinstance(got, bytes) and got:
        assert _made_of(got, frame), "no byte comes that was not sent, and none twice"


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_noise_is_no_answer(desk: Desk, noise: bytes) -> None:
    assert isinstance(desk.fetch(noise), GatewayError)


def _made_of(body: bytes, frame: bytes) -> bool:
    """Whether the body's bytes stand in the frame in this order."""
    rest = iter(frame)
    return all(byte in rest for byte in body)
