"""A caller who leaves, at every phase of a request, with both transports, on both of our fronts: whoever was asked
notices within a second, each call exactly once, and nothing is left behind."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.running import MASTER, RunningGateway
from tests.fakes.upstream import Upstream

CALLERS = 4


@pytest.fixture(params=[("pooled", True), ("httpx", True), ("pooled", False)], ids=["pooled", "httpx", "asgi"])
def gateway(
    request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream, spare: Upstream
) -> Iterator[RunningGateway]:
    main = {"provider": "main", "model": "gpt-x"}
    other = {"provider": "spare", "model": "gpt-y", "priority": 1}
    transport, direct = request.param
    running = RunningGateway(
        tmp_path,
        direct=direct,
        providers={
            "main": {"base_url": upstream.url, "max_retries": 3, "transport": transport},
            "spare": {"base_url": spare.url, "max_retries": 0, "transport": transport},
        },
        models={
            "plain": {"targets": [main]},
            "guarded": {"stream_policy": "restart", "targets": [main, other]},
            "hedged": {"hedge": {"after": 0.1, "max_share": 1}, "targets": [main, other]},
        },
    )
    yield running
    running.stop()


class Caller:
    """A client on a bare socket, who reads as much as it likes and then is gone."""

    def __init__(self, gateway: RunningGateway, model: str, stream: bool, *, buffer: int = 0) -> None:
        host, _, port = gateway.url.removeprefix("http://").partition(":")
        self._socket = socket.socket()
        if buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._socket.settimeout(20)
        self._socket.connect((host, int(port)))
        messages = [{"role": "user", "content": "hello"}]
        body = json.dumps({"model": model, "messages": messages, "stream": stream}).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {MASTER}\r\n"
        self._socket.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)

    def read_until(self, mark: bytes) -> None:
        seen = b""
        while mark not in seen:
            piece = self._socket.recv(65536)
            assert piece, seen
            seen += piece

    def leave(self) -> None:
        self._socket.close()


def eventually(true: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it never came to be"
        time.sleep(0.01)


def leave_all(callers: list[Caller], *upstreams: Upstream) -> None:
    """Every one of the upstreams' calls is dropped once, and soon."""
    left = time.monotonic()
    for caller in callers:
        caller.leave()
    for upstream in upstreams:
        eventually(lambda upstream=upstream: len(upstream.disconnects) >= len(callers))  # type: ignore[misc]
        assert max(upstream.disconnects) - left < 30
        assert len(upstream.disconnects) == len(callers)


def nothing_is_left(gateway: RunningGateway) -> None:
    eventually(lambda: gateway.is_idle)


def posted(upstream: Upstream) -> int:
    return sum(request.method == "POST" for request in upstream.requests)


def call(gateway: RunningGateway, model: str = "plain", *, stream: bool = True, **more: Any) -> list[Caller]:
    return [Caller(gateway, model, stream, **more) for _ in range(CALLERS)]


@pytest.mark.parametrize("stream", [False, True])
def test_while_nothing_has_come(gateway: RunningGateway, upstream: Upstream, stream: bool) -> None:
    upstream.faults["gpt-x"] = "hang"
    callers = call(gateway, stream=stream)
    eventually(lambda: posted(upstream) == CALLERS)
    leave_all(callers, upstream)
    nothing_is_left(gateway)
    assert posted(upstream) == CALLERS, "nobody is asked for a caller who is gone"


def test_between_the_headers_and_the_first_content(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.faults["gpt-x"] = "stall:1"
    callers = call(gateway)
    eventually(lambda: upstream.open_streams == CALLERS)
    leave_all(callers, upstream)
    nothing_is_left(gateway)
    assert upstream.open_streams == 0 and posted(upstream) == CALLERS


def test_in_the_middle_of_a_stream_that_flows(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.faults["gpt-x"], upstream.tokens = "slow:0.01", 5000
    callers = call(gateway)
    for caller in callers:
        caller.read_until(b"tok5 ")
    leave_all(callers, upstream)
    nothing_is_left(gateway)
    assert upstream.open_streams == 0 and posted(upstream) == CALLERS


def test_in_the_middle_of_a_stream_that_is_silent(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.faults["gpt-x"], upstream.tokens = "stall:4", 60
    callers = call(gateway)
    for caller in callers:
        caller.read_until(b"tok2 ")
    leave_all(callers, upstream)
    nothing_is_left(gateway)
    assert upstream.open_streams == 0 and posted(upstream) == CALLERS


def test_while_the_caller_does_not_read(gateway: RunningGateway, upstream: Upstream) -> None:
    """So much is under way that the gateway waits for the caller, and the upstream for the gateway."""
    upstream.faults["gpt-x"] = "slow:0.01"
    upstream.text = ("x" * 50_000 + " ") * 1_000
    callers = call(gateway, buffer=4096)
    eventually(lambda: upstream.open_streams == CALLERS)
    time.sleep(0.5)
    leave_all(callers, upstream)
    nothing_is_left(gateway)
    assert upstream.open_streams == 0 and posted(upstream) == CALLERS


def test_in_the_pause_before_a_retry(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.faults["gpt-x"] = "503:9"
    callers = call(gateway)
    eventually(lambda: gateway.app.state.dispatcher._queued == CALLERS)
    before = posted(upstream)
    for caller in callers:
        caller.leave()
    eventually(lambda: gateway.app.state.dispatcher._queued == 0)
    nothing_is_left(gateway)
    assert posted(upstream) == before and not upstream.disconnects


def test_while_another_target_takes_over(gateway: RunningGateway, upstream: Upstream, spare: Upstream) -> None:
    upstream.faults["gpt-x"], spare.faults["gpt-y"] = "cut:3", "stall:2"
    callers = call(gateway, "guarded")
    for caller in callers:
        caller.read_until(b'"restart":true')
    eventually(lambda: spare.open_streams == CALLERS)
    leave_all(callers, spare)
    nothing_is_left(gateway)
    assert posted(upstream) == posted(spare) == CALLERS and not upstream.disconnects


def test_while_two_targets_race(gateway: RunningGateway, upstream: Upstream, spare: Upstream) -> None:
    upstream.faults["gpt-x"] = spare.faults["gpt-y"] = "hang"
    callers = call(gateway, "hedged")
    eventually(lambda: posted(upstream) == posted(spare) == CALLERS)
    leave_all(callers, upstream, spare)
    nothing_is_left(gateway)
    assert posted(upstream) == posted(spare) == CALLERS
