"""What is read as a plain head is read alike by the general parser; whatever is doubtful is left to that."""

from typing import Any

import httptools
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.access.keys import digest
from gateway.api.plain_head import Asked, read_plain_request
from gateway.providers.transport.plain_head import (
    CHUNKED,
    LONGEST,
    PlainHeads,
    read_plain_answer,
    read_plain_chunks,
    read_plain_head,
)

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
    [
        "Host: h:1",
        "Accept: */*",
        "User-Agent: x/1 (y; z)",
        "X-Thing:no space",
        "connection: Keep-Alive",
        "transfer-encoding: chunked",
    ]
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
@example(ANSWER, ["transfer-encoding: chunked", "Date:\r\n"], False)
def test_plain_is_only_what_the_general_parser_reads_alike(first: bytes, fields: list[str], has_length: bool) -> None:
    data = _head(first, *fields, *([f"content-length: {len(BODY)}"] if has_length else []))
    data = data[: data.index(b"\r\n\r\n") + 4]  # some odd values end it before its time
    request, answer = read_plain_request(data), read_plain_answer(data)
    for head, is_request in ((request, True), (answer, False)):
        if head is None or head[1].length > 2**20:  # more than anybody need send here
            continue
        told = head[1]
        body = b"x" * told.length if told.length != CHUNKED else b"1\r\nx\r\n0\r\n\r\n"
        heard = Heard(data + body, is_request=is_request)
        assert heard.complete
        assert heard.keeps_alive
        assert (len(heard.body), told.size) == (abs(told.length), len(data))
        assert {name: value.strip(" ") for name, value in heard.headers} == told.headers
        assert (head[0].path if isinstance(head[0], Asked) else head[0]) == (
            heard.url.decode() if is_request else heard.status
        )


def test_what_clients_and_providers_send_is_plain() -> None:
    sent = _head(REQUEST, "Host: h:1", "Accept: */*", "Content-Type: application/json", f"Content-Length: {len(BODY)}")
    request = read_plain_request(sent + BODY)
    assert request is not None
    asked, head = request
    assert (asked.path, head.length, head.headers["accept"]) == ("/v1/chat/completions", len(BODY), "*/*")
    assert (sent + BODY)[head.size :] == BODY
    answer = read_plain_answer(_head(ANSWER, "server: s", "content-length: 2", "Connection: keep-alive"))
    assert answer is not None
    assert (answer[0], answer[1].length) == (200, 2)
    stream = read_plain_answer(_head(ANSWER, "Content-Type: text/event-stream", "Transfer-Encoding: chunked"))
    assert stream is not None and stream[1].length == CHUNKED


@pytest.mark.parametrize(
    "fields",
    [
        (),
        ("content-length: 2", "content-length: 2"),
        ("content-length: 2", "Content-Length: 3"),
        ("content-length: 2", "transfer-encoding: chunked"),
        ("transfer-encoding: chunked", "transfer-encoding: chunked"),
        ("transfer-encoding: gzip, chunked",),
        ("transfer-encoding: identity",),
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
        ("content-length: 2", f"{'x' * 65}: a name that is not worth remembering"),
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


_sizes = st.sampled_from(["%x", "%X", "0%x", "%x;ext=1", "+%x", "0x%x", " %x", "%x ", "-%x", ""])
_chunks = st.lists(st.tuples(st.sampled_from(["%x"] * 20) | _sizes, st.binary(min_size=1, max_size=300)), max_size=3)


@settings(max_examples=500)
@given(
    _chunks,
    st.sampled_from([b"", b"0\r\n\r\n", b"00\r\n\r\n", b"0\r\nx: y\r\n\r\n", b"0\r\n\r\njunk"]),
    st.integers(0, 3),
)
def test_plain_chunks_are_only_what_the_general_parser_reads_alike(
    chunks: list[tuple[str, bytes]], end: bytes, cut: int
) -> None:
    whole = b"".join(b"%b\r\n%b\r\n" % ((size % len(body)).encode() if size else b"", body) for size, body in chunks)
    data = (whole + end)[: len(whole + end) - cut]
    found = read_plain_chunks(data)
    if found is not None:
        heard = Heard(_head(ANSWER, "transfer-encoding: chunked") + data, is_request=False)
        assert found == (heard.body, heard.complete)
    elif data and not cut and {size for size, _ in chunks} <= {"%x"}:
        assert end not in (b"", b"0\r\n\r\n")


_lengths = st.one_of(
    st.integers(0, 10**13).map(str),
    st.sampled_from(
        ["", "+2", "014", "1 ", " 1", "1e1", "0x1", "²", "2, 2", "2\r\nx: y", "2\r\ncontent-length: 3", "2\r"]
    ),
)
_heads = st.builds(
    lambda first, fields, name, length, at: _head(first, *fields[:at], f"{name}{length}", *fields[at:]),
    st.sampled_from([REQUEST, b"POST /v1/embeddings HTTP/1.1", ANSWER, b"HTTP/1.1 429 Wait"]),
    st.lists(
        st.sampled_from(["Host: h:1", "X-Length: content-length: 7", "Accept: 14", "Connection: close"]), unique=True
    ),
    st.sampled_from(["Content-Length: ", "content-length:", "content-length:  ", "Transfer-Encoding: chunked\r\nx: "]),
    _lengths,
    st.integers(0, 3),
)


@settings(max_examples=500)
@given(st.lists(_heads, min_size=2, max_size=4))
def test_a_head_that_follows_another_is_read_as_if_it_were_the_first(heads: list[bytes]) -> None:
    for read in (read_plain_request, read_plain_answer):
        connection = PlainHeads[Any](read)
        for head in heads:
            for data in (head[:-1], head + BODY, head, head + BODY):
                assert connection.read(data) == read(data)


def test_a_head_that_differs_in_its_length_alone_is_not_read_again() -> None:
    connection = PlainHeads(read_plain_request)
    lengths = (7, 12, 1234)
    heads = [_head(REQUEST, "Host: h:1", f"Content-Length: {length}", "Accept: */*") for length in lengths]
    found = [connection.read(head) for head in heads]
    plain = [one for one in found if one is not None]
    assert [(head.length, head.size) for _, head in plain] == [(n, len(h)) for n, h in zip(lengths, heads, strict=True)]
    assert all(head.headers == {**plain[0][1].headers, "content-length": str(head.length)} for _, head in plain)
    assert plain[2][1].first is plain[1][1].first is plain[0][1].first
    assert connection.read(heads[2] + BODY) is plain[2]
    assert connection.read(heads[0]) == plain[0]


@pytest.mark.parametrize(
    ("field", "key"), [("Authorization: Bearer sk-1", "sk-1"), ("x-api-key: sk-2", "sk-2"), ("Accept: */*", None)]
)
def test_a_head_tells_the_key_that_is_presented(field: str, key: str | None) -> None:
    connection = PlainHeads(read_plain_request)
    for length in (7, 12):
        found = connection.read(_head(REQUEST, field, f"Content-Length: {length}"))
        assert found is not None and found[0].key == (digest(key) if key else None)


def test_a_peer_whose_heads_are_never_alike_is_read_as_well() -> None:
    connection = PlainHeads(read_plain_answer)
    for n in range(30):
        data = _head(ANSWER, f"x-request-id: {n}", f"Content-Length: {n}")
        assert connection.read(data) == read_plain_answer(data)
