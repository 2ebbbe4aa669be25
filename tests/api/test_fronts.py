"""What a connection may do, at both fronts: uvicorn's connection without ASGI, and ASGI.

Rows of docs/acceptance.md: A002-34.
"""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.api.leaving import eventually
from tests.api.running import MASTER, RunningGateway
from tests.fakes.upstream import Upstream

PATH = "/v1/chat/completions"
ORIGIN = "https://app.example"
DOCS = Path(__file__).parents[2] / "docs"


def front_of(folder: Path, upstream: Upstream, direct: bool, **settings: Any) -> RunningGateway:
    models = ["gpt-x", {"id": "text-embed", "type": "embedding"}]
    return RunningGateway(
        folder,
        direct=direct,
        providers={"main": {"base_url": f"{upstream.url}/v1", "api_key": "sk-up", "models": models}},
        cors_origins=[ORIGIN],
        max_body_mb=1,
        **settings,
    )


@pytest.fixture(scope="module", params=[True, False], ids=["direct", "asgi"])
def front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream_server: Upstream
) -> Iterator[RunningGateway]:
    running = front_of(tmp_path_factory.mktemp("front"), upstream_server, request.param)
    yield running
    running.stop()


@contextmanager
def connected(front: RunningGateway) -> Iterator[socket.socket]:
    host, port = front.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        yield connection


def body(text: str = "hello", model: str = "gpt-x", **more: object) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **more}).encode()


def head(*lines: str, method: str = "POST", path: str = PATH) -> bytes:
    fields = ["Host: x", f"Authorization: Bearer {MASTER}", *lines]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *fields, "", ""]).encode()


def ask(content: bytes, *lines: str) -> bytes:
    return head(f"Content-Length: {len(content)}", *lines) + content


class Answers:
    """Answers on one connection, one after the other."""

    def __init__(self, connection: socket.socket) -> None:
        self._file = connection.makefile("rb")

    def read(self) -> tuple[int, dict[str, str], bytes]:
        status = int(self._file.readline().split()[1])
        headers = {}
        while (line := self._file.readline().strip()) and b":" in line:
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("transfer-encoding") == "chunked":
            return status, headers, b"".join(self._chunks())
        return status, headers, self._file.read(int(headers.get("content-length", 0)))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._file.readline(), 16):
            yield self._file.read(size)
            self._file.readline()
        self._file.readline()

    def at_end(self) -> bool:
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            return True


def test_a_connection_serves_one_request_after_the_other(front: RunningGateway, upstream: Upstream) -> None:
    with connected(front) as connection:
        answers = Answers(connection)
        for stream in (False, True, False):
            connection.sendall(ask(body(stream=stream)))
            status, headers, content = answers.read()
            assert status == 200 and headers["x-request-id"].startswith("req-") and "date" in headers
            assert content.endswith(b"data: [DONE]\n\n") is stream
        connection.sendall(head(method="GET", path="/live"))
        assert answers.read()[0] == 200


def test_pipelined_requests_are_answered_in_order(front: RunningGateway, upstream: Upstream) -> None:
    wrong = head("Content-Length: 2") + b"[]"
    with connected(front) as connection:
        connection.sendall(
            ask(body()) + wrong + head(method="GET", path="/live") + ask(body(stream=True)) + ask(body())
        )
        answers = Answers(connection)
        found = [answers.read() for _ in range(5)]
    assert [status for status, _, _ in found] == [200, 400, 200, 200, 200]
    assert json.loads(found[2][2])["status"] and found[3][2].endswith(b"[DONE]\n\n")
    assert len({headers["x-request-id"] for _, headers, _ in found}) == 5


def test_many_connections_with_many_requests_each_get_their_own_answers_in_order(
    front: RunningGateway, upstream: Upstream
) -> None:
    """Under load, answers that are ready at the same time are written together."""

    def embed(count: int, *lines: str) -> bytes:
        content = json.dumps({"model": "text-embed", "input": ["a text"] * count}).encode()
        return head(f"Content-Length: {len(content)}", *lines, path="/v1/embeddings") + content

    counts = [[number + place for place in range(1, 7)] for number in range(12)]
    with ExitStack() as stack:
        connections = [stack.enter_context(connected(front)) for _ in counts]
        for connection, wanted in zip(connections, counts, strict=True):
            connection.sendall(b"".join(map(embed, wanted[:-1])) + embed(wanted[-1], "Connection: close"))
        for connection, wanted in zip(connections, counts, strict=True):
            answers = Answers(connection)
            assert [len(json.loads(answers.read()[2])["data"]) for _ in wanted] == wanted
            assert answers.at_end()


def test_a_chunked_body_in_small_pieces(front: RunningGateway, upstream: Upstream) -> None:
    content = body("in pieces")
    pieces = [b"%x\r\n%b\r\n" % (len(part), part) for part in (content[:1], content[1:30], content[30:])]
    with connected(front) as connection:
        for piece in [head("Transfer-Encoding: chunked"), *pieces, b"0\r\n\r\n"]:
            connection.sendall(piece)
            time.sleep(0.02)
        assert Answers(connection).read()[0] == 200
    assert upstream.last.json["messages"][0]["content"] == "in pieces"


def test_a_request_that_comes_in_two_pieces_wherever_it_is_cut(front: RunningGateway, upstream: Upstream) -> None:
    request = ask(body("cut"))
    behind_head = request.index(b"\r\n\r\n") + 4
    with connected(front) as connection:
        answers = Answers(connection)
        for cut in (1, 20, behind_head - 2, behind_head, behind_head + 1, len(request) - 1):
            connection.sendall(request[:cut])
            time.sleep(0.02)
            connection.sendall(request[cut:])
            assert answers.read()[0] == 200
            assert upstream.last.json["messages"][0]["content"] == "cut"


def test_any_number_of_requests_in_one_write_is_answered(front: RunningGateway, upstream: Upstream) -> None:
    wrong = head("Content-Length: 2") + b"[]"
    with connected(front) as connection:
        connection.sendall(wrong * 1500)
        answers = Answers(connection)
        assert {answers.read()[0] for _ in range(1500)} == {400}


def test_what_is_no_http_is_told_so_in_the_shape_of_all_errors(front: RunningGateway, upstream: Upstream) -> None:
    if not front.direct:
        pytest.skip("uvicorn's own connection is served by `run_local` only")
    with connected(front) as connection:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nno colon here\r\n\r\n")
        answers = Answers(connection)
        status, headers, content = answers.read()
        assert answers.at_end()
    assert status == 400 and headers["x-request-id"].startswith("req-")
    assert json.loads(content)["error"]["code"] == "invalid_http"


def test_a_request_is_answered_whatever_comes_behind_it(
    front: RunningGateway, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    if not front.direct:
        pytest.skip("uvicorn's own connection is served by `run_local` only")
    for junk in (b"\x00\x01 junk\r\n\r\n", b"GET / HTTP/1.1\r\nno colon here\r\n\r\n", b"junk " * 40_000):
        with connected(front) as connection:
            connection.sendall(ask(body("one")) + ask(body("two")) + junk)
            answers = Answers(connection)
            told = [answers.read() for _ in range(2)]
            assert [status for status, _, _ in told] == [200, 200]
            assert told[1][1]["connection"] == "close" and answers.at_end()
    assert not [record for record in caplog.records if record.exc_info]


def test_both_framings_behind_one_another_in_one_write(front: RunningGateway, upstream: Upstream) -> None:
    contents = [body(text) for text in ("one", "two", "three", "four")]
    chunked = [head("Transfer-Encoding: chunked") + b"%x\r\n%b\r\n0\r\n\r\n" % (len(one), one) for one in contents]
    with connected(front) as connection:
        connection.sendall(chunked[0] + ask(contents[1]) + ask(contents[2]) + chunked[3] + head(method="GET"))
        answers = Answers(connection)
        assert [answers.read()[0] for _ in range(5)] == [200, 200, 200, 200, 405]
    assert [one.json["messages"][0]["content"] for one in upstream.requests] == ["one", "two", "three", "four"]


def test_a_caller_who_waits_for_it_is_told_to_send_the_body(front: RunningGateway, upstream: Upstream) -> None:
    content = body()
    with connected(front) as connection:
        connection.sendall(head(f"Content-Length: {len(content)}", "Expect: 100-continue"))
        answers = Answers(connection)
        assert answers.read()[0] == 100
        connection.sendall(content)
        assert answers.read()[0] == 200


def test_a_body_of_many_reads_arrives_whole(front: RunningGateway, upstream: Upstream) -> None:
    text = "x" * 900_000
    with connected(front) as connection:
        connection.sendall(ask(body(text)))
        assert Answers(connection).read()[0] == 200
    assert upstream.last.json["messages"][0]["content"] == text


@pytest.mark.parametrize("lines", [("Content-Length: 5", "Transfer-Encoding: chunked"), ("Content-Length: 5, 6",)])
def test_doubtful_framing_is_refused_and_nothing_behind_it_runs(
    front: RunningGateway, upstream: Upstream, lines: tuple[str, ...]
) -> None:
    with connected(front) as connection:
        connection.sendall(head(*lines) + b"0\r\n\r\n" + ask(body()))
        answers = Answers(connection)
        assert answers.read()[0] == 400 and answers.at_end()
    assert not upstream.requests


@pytest.mark.parametrize("announced", [True, False])
def test_too_large_a_body_is_refused_before_it_is_whole(
    front: RunningGateway, upstream: Upstream, announced: bool
) -> None:
    with connected(front) as connection:
        if announced:
            connection.sendall(head("Content-Length: 9000000") + b"x" * 1000)
        else:
            connection.sendall(head("Transfer-Encoding: chunked"))
            with suppress(ConnectionError):  # it may be told so before all is sent
                for _ in range(5):
                    connection.sendall(b"40000\r\n" + b"x" * 0x40000 + b"\r\n")
        status, _, content = Answers(connection).read()
    assert (status, json.loads(content)["error"]["code"]) == (413, "request_too_large")
    assert not upstream.requests


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "asgi"])
def test_a_slow_body_is_given_up(tmp_path: Path, upstream: Upstream, direct: bool) -> None:
    front = front_of(tmp_path, upstream, direct, body_timeout=1)
    with connected(front) as connection:
        connection.sendall(head("Content-Length: 100") + b"{")
        assert Answers(connection).read()[0] == 408
    assert not upstream.requests
    front.stop()


def test_a_caller_may_ask_for_the_end_of_the_connection(front: RunningGateway, upstream: Upstream) -> None:
    with connected(front) as connection:
        connection.sendall(ask(body(), "Connection: close"))
        answers = Answers(connection)
        status, headers, _ = answers.read()
        assert (status, headers["connection"]) == (200, "close") and answers.at_end()


def test_other_methods_say_what_is_possible(front: RunningGateway) -> None:
    with connected(front) as connection:
        connection.sendall(head(method="DELETE"))
        status, headers, _ = Answers(connection).read()
    assert (status, headers["allow"]) == (405, "POST")


def test_browsers_of_a_configured_origin_may_call(front: RunningGateway, upstream: Upstream) -> None:
    with connected(front) as connection:
        answers = Answers(connection)
        preflight = ("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization")
        connection.sendall(head(f"Origin: {ORIGIN}", *preflight, method="OPTIONS"))
        status, headers, _ = answers.read()
        assert (status, headers["access-control-allow-origin"]) == (200, ORIGIN)
        connection.sendall(ask(body(), f"Origin: {ORIGIN}"))
        status, headers, _ = answers.read()
        assert (status, headers["access-control-allow-origin"]) == (200, ORIGIN)


def test_pages_of_a_configured_origin_may_read_every_header_of_a_reply(front: RunningGateway) -> None:
    told = (DOCS / "api.md").read_text().partition("## Headers of replies")[2].partition("##")[0]
    told += (DOCS / "limits.md").read_text()
    first_cells = "".join(line.split("|")[1] for line in told.splitlines() if line.startswith("| `"))
    names = set(re.findall(r"`(x-[a-z-]+|request-id|age|location|retry-after|preference-applied)`", first_cells))
    with connected(front) as connection:
        connection.sendall(head(f"Origin: {ORIGIN}", method="GET", path="/live"))
        _, headers, _ = Answers(connection).read()
    assert names <= set(headers["access-control-expose-headers"].split(", "))
    assert {"age", "request-id", "x-gateway-cache", "x-ratelimit-reset-tokens"} <= names


def test_a_models_name_breaks_no_header(front: RunningGateway, upstream: Upstream) -> None:
    with connected(front) as connection:
        connection.sendall(ask(body(model="main/a\r\nx-evil: 1\x00")))
        _, headers, _ = Answers(connection).read()
    assert "x-evil" not in headers


@pytest.mark.parametrize("sent", [0, 20, 200, 300])
def test_a_caller_who_leaves_before_the_body_is_whole_costs_nothing(
    front: RunningGateway, upstream: Upstream, sent: int
) -> None:
    with connected(front) as connection:
        connection.sendall(ask(body("x" * 500))[:sent])
    with connected(front) as connection:
        connection.sendall(ask(body()))
        assert Answers(connection).read()[0] == 200
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("phase", ["unanswered", "first byte", "mid-stream"])
def test_a_caller_who_leaves_stops_the_provider(front: RunningGateway, upstream: Upstream, phase: str) -> None:
    upstream.faults["gpt-x"] = "hang" if phase == "unanswered" else "slow:0.05"
    upstream.tokens = 2000
    with connected(front) as connection:
        connection.sendall(ask(body(stream=phase != "unanswered")))
        assert eventually(lambda: upstream.requests)
        if phase != "unanswered":
            connection.recv(1)
        if phase == "mid-stream":
            for _ in range(5):
                connection.recv(2000)
    assert upstream.wait_disconnect()


def test_a_caller_who_leaves_behind_the_last_byte_keeps_the_provider_connected(
    front: RunningGateway, upstream: Upstream
) -> None:
    with connected(front) as connection:
        connection.sendall(ask(body(stream=True)))
        assert Answers(connection).read()[2].endswith(b"[DONE]\n\n")
    assert not upstream.wait_disconnect(0.2)


def test_a_caller_who_does_not_read_holds_the_provider_back(front: RunningGateway, upstream: Upstream) -> None:
    upstream.tokens = 200_000
    with connected(front) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(ask(body(stream=True)))
        connection.recv(1)
        time.sleep(0.3)
    assert upstream.wait_disconnect()


@pytest.mark.slow
def test_a_head_that_never_ends_is_not_waited_for(front: RunningGateway) -> None:
    """uvicorn's keep-alive time is 5 s here, and its own connections wait for ever once a byte has come."""
    if not front.direct:
        pytest.skip("uvicorn's own connection is served by `run_local` only")
    with connected(front) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\n")
        began = time.monotonic()
        while time.monotonic() < began + 40:
            try:
                connection.sendall(b"X-Slow: 1\r\n")
            except OSError:
                break
            time.sleep(0.2)
        assert 4 < time.monotonic() - began < 39
