"""The heads of requests for inference as nearly every client sends them. Used by `protocol`, which has a general parser
for all others."""

from typing import NamedTuple

from gateway.api.identity import presented_key
from gateway.api.paths import INFERENCE
from gateway.providers.transport.plain_head import PlainHead, read_plain_head

_PATHS = {f"POST {path} HTTP/1.1": path for path in INFERENCE}
_NOT_PLAIN = frozenset({"expect", "origin", "transfer-encoding"})
"""Requests with these fields wait for a word from here, or are the business of a middleware."""


class Asked(NamedTuple):
    """What is asked for, one of the paths of inference, and the digest of the key with which: a connection's next
    request, if its head is alike, asks for the same."""

    path: str
    key: bytes | None


def read_plain_request(data: bytes) -> tuple[Asked, PlainHead] | None:
    """None where the head is not whole, or not plain."""
    head = read_plain_head(data) if data.startswith(b"POST ") else None
    if head is None or (path := _PATHS.get(head.first)) is None or not _NOT_PLAIN.isdisjoint(head.headers):
        return None
    return Asked(path, presented_key(head.headers)), head
