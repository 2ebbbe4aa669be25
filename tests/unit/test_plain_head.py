"""What is read as a plain head is read alike by the general parser; whatever is doubtful is left to that."""

from typing import Any

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api.plain_head import read_plain_request
from gateway.providers.transport.plain_head import LONGEST, read_plain_answer, read_plain_head

REQUEST = b"POST /v1/chat/completions HTTP/1.1"
ANSWER = b"HTTP/1.1 200 OK"
BODY = b'{"model": "m"}'

_names = st.sampled_from(
    [
        *("Host", "content-length", "Content-Length", "Transfer-Encoding", "Connection", "connection", "Authorization"),
        *("X-Request-Id", "expect", "Content-Encoding", "upgrade", "x y", "", " folded", "x:y", "é", "Date\t", "a_b"),
    ]
)
_values = st.one_of(
    st.sampled_from(
        [
            *("14", " 14 ", "014", "+14", "14, 14", "1e1", "²", "", "keep-alive", "Keep-Alive", "close", "chunked"),
            *("a\tb", "a\nb", "a\rb", "\x00", "\x7f", "é", "gzip", "100-continue", "  spaced  out  "),
        ]
    ),
    st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=12),
)
_odd = st.tuples(_names, st.sampled_from([":", ": ", ":\t", " : ", ""]), _values).map("".join)
_usual = st.sampled_from(
    ["Host: h:1", "Accept: */*", "User-Agent: x/1 (y; z)", "X-Thing:no space", "connection: Keep-Alive"]
)
_fields = st.builds(list.__add__, st.lists(_usual, max_size=4, unique=True), st.lists(_odd, max_size=1))
_firsts = st.sampled_from(
    [REQUEST, ANSWER, REQUEST, ANSWER, b"HTTP/1.1 404", b"HTTP/1.1 204 No", b"HTTP/1.0 200 OK", b"GET / HTTP/1.1"]
)


class Heard:
    """What httptools makes of one message."""

    def __init__(self, data: bytes, *, is_request: bool) -> None:
        self.headers: list[tuple[str, str]] = []
        self.body, self.complete, self.keeps_alive, self.url = b"", False, False, b""
        kind: Any = httptools.HttpRequestParser if is_request else httptools.HttpResponseParser
        self.parser = kind(self)
        self.parser.feed_data(data)
        self.status = None if is_request else self.parser.get_status_code()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete, self.keeps_alive = True, self.parser.should_keep_alive()


def _head(first: bytes, *fields: str) -> bytes:
    return b"\r\n".join([first, *(field.encode("latin-1") for field in fields), b"", b""])


@settings(max_examples=1000)
@given(_firsts, _fields, st.sampled_from([True, True, False]))
def test_plain_is_only_what_the_general_parser_reads_alike(first: bytes, fields: list[str], has_length: bool) -> None:
    data = _head(first, *fields, *([f"content-length: {len(BODY)}"] if has_length else []))
    request, answer = read_plain_request(data), read_plain_answer(data)
    for head, is_request in ((request, True), (answer, False)):
        if head is None:
            continue
        told = head[1]
        heard = Heard(data + b"x" * told.length, is_request=is_request)
        assert heard.complete
        assert heard.keeps_alive
        assert (len(heard.body), told.size) == (told.length, len(data))
        assert {name: value.strip(" ") for name, value in heard.headers} == told.headers
        assert head[0] == (heard.url.decode() if is_request else heard.status)


def test_what_clients_and_providers_send_is_plain() -> None:
    sent = _head(REQUEST, "Host: h:1", "Accept: */*", "Content-Type: application/json", f"Content-Length: {len(BODY)}")
    request = read_plain_request(sent + BODY)
    assert request is not None
    path, head = request
    assert (path, head.length, head.headers["accept"]) == ("/v1/chat/completions", len(BODY), "*/*")
    assert (sent + BODY)[head.size :] == BODY
    answer = read_plain_answer(_head(ANSWER, "server: s", "content-length: 2", "Connection: keep-alive"))
    assert answer is not None
    assert (answer[0], answer[1].length) == (200, 2)


@pytest.mark.parametrize(
    "fields",
    [
        (),
        ("content-length: 2", "content-length: 2"),
        ("content-length: 2", "Content-Length: 3"),
        ("content-length: 2", "transfer-encoding: chunked"),
        ("content-length: +2",),
        ("content-length: -2",),
        ("content-length: 2, 2",),
        ("content-length: ²",),
        ("content-length : 2",),
        ("content-length:",),
        ("content-length: 2", " folded: yes"),
        ("content-length: 2", "no colon"),
        ("content-length: 2", "nocolon"),
        ("content-length: 2", ": no name"),
        ("content-length: 2", "x: a\rb"),
        ("content-length: 2", "x: a\nb"),
        ("content-length: 2", "x: a\0b"),
        ("content-length: 2", "connection: close"),
        ("content-length: 2", "connection: upgrade", "upgrade: websocket"),
        ("content-length: 2", *(f"x-{n}: 1" for n in range(200))),
        ("content-length: 2", f"x: {'a' * LONGEST}"),
    ],
)
def test_the_doubtful_is_left_to_the_general_parser(fields: tuple[str, ...]) -> None:
    assert read_plain_head(_head(REQUEST, *fields)) is None
    assert read_plain_head(_head(ANSWER, *fields)) is None


@pytest.mark.parametrize("first", [b"HTTP/1.1 100 Continue", b"HTTP/1.1 204 No Content", b"HTTP/1.1 304 Not Modified"])
def test_answers_without_a_body_are_left_to_the_general_parser(first: bytes) -> None:
    assert read_plain_answer(_head(first, "content-length: 2")) is None


@pytest.mark.parametrize("field", ["expect: 100-continue", "origin: http://elsewhere.example"])
def test_requests_that_are_somebody_elses_business_are_left(field: str) -> None:
    assert read_plain_request(_head(REQUEST, "content-length: 2", field)) is None


@pytest.mark.parametrize("cut", [1, 4, 20])
def test_a_head_that_is_not_whole_is_no_plain_one(cut: int) -> None:
    assert read_plain_head(_head(REQUEST, "content-length: 2")[:-cut]) is None
