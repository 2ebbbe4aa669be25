"""Heads of messages that need no general parser, as nearly all peers send them, and chunks that come whole. Read here
for answers of providers, and by `api` for requests.

Whatever two parsers could read in two ways is left to the general one: bodies without a length or with two framings,
repeated and folded fields, control characters, extensions of chunks.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Generic, TypeVar

import msgspec

CHUNKED = -1
LONGEST = 16 * 1024
"""Bytes of a plain head."""
_MAX_FIELDS = 100
_LONGEST_NAME = _LONGEST_STATUS = 64
"""Longer ones would fill the memory of what was seen before."""
_MAX_DIGITS = 12
"""Of a length in bytes."""
_LENGTH = b"\r\ncontent-length:"
_KEPT = 2 * 1024
"""Bytes of a head that is remembered."""
_PATIENCE = 8
"""Heads in a row that are remembered for nothing."""
_VISIBLE = bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
_LONGEST_SIZE_LINE = 9
"""Its end included."""
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,7}")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_STATUS_LINE = re.compile(r"HTTP/1\.1 (?!204|304)([2-5][0-9][0-9])( .*)?")
_NOT_PLAIN = frozenset({"", "upgrade"})
_NOT_PLAIN_ANSWER = frozenset({"content-encoding"})

First = TypeVar("First")
"""What the first line of a head says."""


class PlainHead(msgspec.Struct):
    """`first` is the line of the request or status; names of headers are in lower case. The body begins `size` bytes
    behind the beginning of the head, has `length` bytes or is `CHUNKED`, and the connection lives on behind it."""

    first: str
    headers: dict[str, str]
    size: int
    length: int


class PlainHeads(Generic[First]):
    """Reads the heads that arrive on one connection. A peer's next head is often its last one once more, or differs
    from it in the length of the body alone, and is not read again then: what it says is shared, and never changed. Of a
    peer whose heads are never alike none is remembered after a while."""

    __slots__ = ("_before", "_behind", "_last", "_patience", "_read", "_whole")

    def __init__(self, read: Callable[[bytes], tuple[First, PlainHead] | None]) -> None:
        self._read = read
        self._whole = self._before = self._behind = b""
        """The last head, what of it stands before the digits of its length, and what behind them."""
        self._last: tuple[First, PlainHead]
        self._patience = _PATIENCE

    def read(self, data: bytes) -> tuple[First, PlainHead] | None:
        """None where the head is not whole, or not plain."""
        if self._whole and data.startswith(self._whole):
            self._patience = _PATIENCE
            return self._last
        if self._before and data.startswith(self._before) and (plain := self._read_length(data)) is not None:
            self._patience = _PATIENCE
            self._whole, self._last = data[: plain[1].size], plain
            return plain
        plain = self._read(data)
        if self._patience and plain is not None and plain[1].length != CHUNKED and plain[1].size <= _KEPT:
            self._patience -= 1
            self._remember(plain, data[: plain[1].size])
        return plain

    def _read_length(self, data: bytes) -> tuple[First, PlainHead] | None:
        """None where something else differs, too."""
        start, behind = len(self._before), self._behind
        end = data.find(b"\r", start, start + _MAX_DIGITS + 1)
        digits = data[start : max(end, 0)]
        if not digits.isdigit() or not data.startswith(behind, end):
            return None
        first, last = self._last
        headers = {**last.headers, "content-length": digits.decode()}
        return first, PlainHead(last.first, headers, end + len(behind), int(digits))

    def _remember(self, plain: tuple[First, PlainHead], head: bytes) -> None:
        digits = plain[1].headers["content-length"].encode()
        start = head.index(digits, head.lower().index(_LENGTH) + len(_LENGTH))
        self._whole, self._before, self._behind = head, head[:start], head[start + len(digits) :]
        self._last = plain


def read_plain_head(data: bytes) -> PlainHead | None:
    """None where the head is not whole, or not plain."""
    end = data.find(b"\r\n\r\n", 0, LONGEST)
    head = data[: max(end, 0)]
    first, *fields = head.decode("latin-1").split("\r\n")
    if not 0 < len(fields) <= _MAX_FIELDS or len(head.translate(None, _VISIBLE)) > 2 * len(fields):
        return None
    headers = {}
    for field in fields:
        name, colon, value = field.partition(":")
        headers[_lowered(name) if colon and len(name) <= _LONGEST_NAME else ""] = value.strip(" ")
    length = _length(headers)
    if (
        length is None
        or len(headers) < len(fields)
        or not _NOT_PLAIN.isdisjoint(headers)
        or headers.get("connection", "keep-alive").lower() != "keep-alive"
    ):
        return None
    return PlainHead(first, headers, end + 4, length)


def _length(headers: Mapping[str, str]) -> int | None:
    told, coding = headers.get("content-length"), headers.get("transfer-encoding")
    if told is None:
        return CHUNKED if coding == "chunked" else None
    return int(told) if coding is None and told.isdecimal() and len(told) <= _MAX_DIGITS else None


def read_plain_chunks(data: bytes) -> tuple[bytes, bool] | None:
    """What is in them, and whether the last one is the end of the body. None where one is cut, or is not plain."""
    line = data.find(b"\r\n", 0, _LONGEST_SIZE_LINE)
    if line > 0 and 0 < _chunk_size(data[:line]) == len(data) - line - 4 and data.endswith(b"\r\n"):
        return data[line + 2 : -2], False
    return _read_several(data)


def _read_several(data: bytes) -> tuple[bytes, bool] | None:
    pieces: list[bytes] = []
    at = 0
    while True:
        line = data.find(b"\r\n", at, at + _LONGEST_SIZE_LINE)
        size = _chunk_size(data[at:line]) if line > at else -1
        end = line + 2 + size
        if size < 0 or data[end : end + 2] != b"\r\n":
            return None
        pieces.append(data[line + 2 : end])
        at = end + 2
        if at == len(data):
            return b"".join(pieces), not size
        if not size:
            return None


def read_plain_answer(data: bytes) -> tuple[int, PlainHead] | None:
    """With its status."""
    head = read_plain_head(data)
    if head is None or len(head.first) > _LONGEST_STATUS:
        return None
    if not (status := _status(head.first)) or not _NOT_PLAIN_ANSWER.isdisjoint(head.headers):
        return None
    return status, head


@lru_cache(maxsize=1024)
def _lowered(name: str) -> str:
    """Empty for what is no name of a field."""
    return name.lower() if _TOKEN.fullmatch(name) else ""


@lru_cache(maxsize=1024)
def _chunk_size(digits: bytes) -> int:
    return int(digits, 16) if _CHUNK_SIZE.fullmatch(digits) else -1


@lru_cache(maxsize=256)
def _status(line: str) -> int:
    """0 for those without a body, for interim ones, and for what is no line of a status."""
    found = _STATUS_LINE.fullmatch(line)
    return int(found[1]) if found else 0
