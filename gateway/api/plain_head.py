"""The heads of requests for inference as nearly every client sends them. Used by `protocol`, which has a general parser
for all others."""

from gateway.api.paths import INFERENCE
from gateway.providers.transport.plain_head import MAX_DIGITS, PlainHead, read_plain_head

_PATHS = {f"POST {path} HTTP/1.1": path for path in INFERENCE}
_NOT_PLAIN = frozenset({"expect", "origin", "transfer-encoding"})
"""Requests with these fields wait for a word from here, or are the business of a middleware."""
_LENGTH = b"\r\ncontent-length:"


class PlainRequests:
    """Reads the heads of one connection's requests. A client's next head mostly differs from its last in the length of
    the body alone, and is not read again then."""

    __slots__ = ("_before", "_behind", "_last")

    def __init__(self) -> None:
        self._before = self._behind = b""
        """The last head up to the digits of its length, and what followed them."""
        self._last: tuple[str, PlainHead]

    def read(self, data: bytes) -> tuple[str, PlainHead] | None:
        """With its path, one of those for inference. None where the head is not whole, or not plain."""
        before, behind = self._before, self._behind
        if before and data.startswith(before):
            start = len(before)
            end = data.find(b"\r", start, start + MAX_DIGITS + 1)
            digits = data[start : max(end, 0)]
            if digits.isdigit() and data.startswith(behind, end):
                path, last = self._last
                headers = {**last.headers, "content-length": digits.decode()}
                return path, PlainHead(last.first, headers, end + len(behind), int(digits))
        plain = read_plain_request(data)
        if plain is not None:
            self._remember(plain, data[: plain[1].size])
        return plain

    def _remember(self, plain: tuple[str, PlainHead], head: bytes) -> None:
        digits = plain[1].headers["content-length"].encode()
        start = head.index(digits, head.lower().index(_LENGTH) + len(_LENGTH))
        self._before, self._behind, self._last = head[:start], head[start + len(digits) :], plain


def read_plain_request(data: bytes) -> tuple[str, PlainHead] | None:
    """One head by itself, as `PlainRequests.read` says."""
    head = read_plain_head(data) if data.startswith(b"POST ") else None
    if head is None or (path := _PATHS.get(head.first)) is None or not _NOT_PLAIN.isdisjoint(head.headers):
        return None
    return path, head
