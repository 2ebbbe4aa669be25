"""Callers who take nothing of what they are sent, and callers who send more requests than they read answers: they are
cut off, hold little memory, and whoever was asked for them is let go of. A slow caller gets everything."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvloop

from tests.api.conftest import recorded
from tests.api.leaving import eventually
from tests.api.running import MASTER, RunningGateway
from tests.fakes.upstream import Upstream

FRONTS: dict[str, dict[str, Any]] = {
    "direct": {},
    "uvloop": {"loop": uvloop.new_event_loop},
    "asgi": {"direct": False},
}
HUGE = ("x" * 50_000 + " ") * 400
"""More than the systems of both ends take together."""


@pytest.fixture(params=FRONTS)
def front(request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream) -> Iterator[RunningGateway]:
    yield from _running(tmp_path, upstream, FRONTS[request.param])


@pytest.fixture(params=["direct", "uvloop"])
def own(request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream) -> Iterator[RunningGateway]:
    """With our own connections only."""
    yield from _running(tmp_path, upstream, FRONTS[request.param])


def _running(state_dir: Path, upstream: Upstream, front: dict[str, Any]) -> Iterator[RunningGateway]:
    main = {"base_url": upstream.url, "max_retries": 0, "models": ["gpt-x"]}
    running = RunningGateway(state_dir, providers={"main": main}, delivery_timeout=2, keep_alive=1, **front)
    yield running
    running.stop()


def connect(gateway: RunningGateway, buffer: int = 4096) -> socket.socket:
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    caller = socket.socket()
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    caller.settimeout(20)
    caller.connect((host, int(port)))
    return caller


def ask(text: str = "hello", **more: Any) -> bytes:
    messages = [{"role": "user", "content": text}]
    body = json.dumps({"model": "gpt-x", "messages": messages, **more}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {MASTER}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def latest(gateway: RunningGateway) -> Any:
    """The row of the only request, once it is written."""
    with gateway.http() as http:
        http.headers["connection"] = "close"  # one that is kept may end while the next request is on its way
        assert eventually(lambda: _rows(http), 20)
        return recorded(http, _rows(http)[0]["request_id"])


def _rows(http: httpx.Client) -> Any:
    return [row for row in http.get("/api/admin/requests").json()["data"] if row["status"]]


def is_cut(caller: socket.socket) -> bool:
    """Whether less than the whole answer comes, and then the end of the connection."""
    got = b""
    try:
        while piece := caller.recv(1 << 20):
            got += piece
    except ConnectionError:
        return True
    return len(got) < len(HUGE)


@pytest.mark.slow
def test_a_stream_that_nobody_reads_is_given_up(front: RunningGateway, upstream: Upstream) -> None:
    upstream.text, upstream.faults["gpt-x"] = HUGE * 5, "slow:0.01"
    with connect(front) as caller:
        caller.sendall(ask(stream=True))
        assert eventually(lambda: upstream.disconnects, 20)
        assert latest(front)["status"] == 499
        assert is_cut(caller)
    assert eventually(lambda: not front.connections)


def test_a_whole_answer_that_nobody_reads_is_given_up(front: RunningGateway, upstream: Upstream) -> None:
    upstream.text = HUGE
    with connect(front) as caller:
        caller.sendall(ask())
        assert latest(front)["status"] == 499
        assert is_cut(caller)


@pytest.mark.slow
def test_so_is_a_browser_that_reads_nothing(own: RunningGateway, upstream: Upstream) -> None:
    upstream.text = HUGE * 2
    with connect(own) as caller:
        caller.sendall(ask(stream=True).replace(b"host: x\r\n", b"host: x\r\norigin: https://app.example\r\n"))
        assert latest(own)["status"] == 499
        assert is_cut(caller)


@pytest.mark.parametrize("lines", ["", "connection: close\r\n"])
def test_what_is_left_of_an_answer_keeps_no_connection_open(
    own: RunningGateway, upstream: Upstream, lines: str
) -> None:
    """So much that the last piece waits here, and too little for the answer to wait for it."""
    upstream.text = "x" * 30_000
    with connect(own) as caller:
        caller.sendall(ask() * 150 + ask().replace(b"host: x\r\n", b"host: x\r\n" + lines.encode()))
        assert eventually(lambda: len(upstream.requests) > 80, 20)
        assert eventually(lambda: not own.connections, 20)


@pytest.mark.slow
def test_a_slow_caller_is_never_cut(own: RunningGateway, upstream: Upstream) -> None:
    """Who takes little, but something within every 2 s: less than what makes the system take more from us."""
    upstream.text = HUGE
    with connect(own, 65_536) as caller:
        caller.sendall(ask(stream=True))
        until, got = time.monotonic() + 5, b""
        while time.monotonic() < until:
            got += caller.recv(20_000)
            time.sleep(0.05)
        assert len(got) < len(HUGE) / 2, "it was slow"
        while not got.endswith(b"0\r\n\r\n"):
            got += (piece := caller.recv(1 << 20))
            assert piece
    assert b"data: [DONE]" in got[-50:]


@pytest.mark.slow
def test_requests_behind_one_another_wait_outside(own: RunningGateway) -> None:
    """Who sends them without reading answers is not listened to any more, and then cut off."""
    many = ask(model="unknown") * 500
    sent, waiting, unsent = 0, 0, 0
    with connect(own) as caller:
        eventually(lambda: own.connections)
        (connection,) = own.connections
        with suppress(OSError):
            while sent < 50e6:
                sent += caller.send(many[sent % len(many) :])
                waiting = max(waiting, len(connection.pipeline))
                unsent = max(unsent, connection.transport.get_write_buffer_size())
        assert eventually(lambda: not own.connections, 20)
    assert waiting < 5000 and unsent < 200_000


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models"])
def test_who_leaves_with_requests_behind_is_noticed(own: RunningGateway, upstream: Upstream, path: str) -> None:
    upstream.faults["gpt-x"] = "hang"
    with connect(own) as caller:
        caller.sendall(ask() + ask("never").replace(b"/v1/chat/completions", path.encode()))
        assert eventually(lambda: upstream.requests)
    assert upstream.wait_disconnect(20)
    assert latest(own)["status"] == 499
    assert len(upstream.requests) == 1


def test_who_leaves_behind_requests_of_another_front_is_noticed(own: RunningGateway, upstream: Upstream) -> None:
    upstream.faults["gpt-x"] = "hang"
    with connect(own) as caller:
        caller.sendall(ask().replace(b"HTTP/1.1", b"HTTP/1.0") + ask("never"))
        assert eventually(lambda: upstream.requests)
    assert upstream.wait_disconnect(20)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("size", [60_000, 100_000, 200_000, 400_000])
def test_who_leaves_behind_a_large_body_is_noticed(front: RunningGateway, upstream: Upstream, size: int) -> None:
    """Bodies of which nothing was read while they waited for their turn."""
    upstream.faults["gpt-x"] = "hang"
    with connect(front) as caller:
        caller.sendall(ask("x" * size))
        assert eventually(lambda: upstream.requests)
    assert upstream.wait_disconnect(20)
    assert latest(front)["status"] == 499


def test_a_pipelined_caller_gets_every_answer(own: RunningGateway, upstream: Upstream) -> None:
    sent = [ask(f"{number} {'x' * (number * 997 % 90_000)}") for number in range(60)]
    with connect(own, 65_536) as caller:
        asyncio.run(_all_answers(caller, b"".join(sent), len(sent)))
    asked = [one.json["messages"][0]["content"].partition(" ")[0] for one in upstream.requests]
    assert asked == [str(number) for number in range(60)]


async def _all_answers(caller: socket.socket, sent: bytes, count: int) -> None:
    reader, writer = await asyncio.open_connection(sock=caller.dup())
    writer.write(sent)
    for _ in range(count):
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        assert head.startswith(b"HTTP/1.1 200")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(length)
    writer.close()
