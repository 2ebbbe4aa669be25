"""Replies that come whole: told apart from errors, pages and garbage before anybody sees them as an answer."""

from collections.abc import Iterable

import msgspec

from gateway.errors import UpstreamBadResponse
from gateway.openai_api.call import Usage
from gateway.openai_api.operations import CHAT, COMPLETIONS, EMBEDDINGS, Operation
from gateway.providers.failures import failure_inside
from gateway.providers.usage import read_usage, usage_in_tail

BIG = 64 * 1024
"""Embeddings beyond this are judged by their two ends and never parsed."""

_SHAPES = {
    CHAT.name: ("choices", b'"message"'),
    COMPLETIONS.name: ("choices", b'"text"'),
    EMBEDDINGS.name: ("data", b'"embedding"'),
}
"""The key that must hold a list, and what must be in that list."""

_ABSENT = msgspec.Raw(b"")


class _Reply(msgspec.Struct):
    choices: msgspec.Raw = _ABSENT
    data: msgspec.Raw = _ABSENT
    usage: msgspec.Raw = _ABSENT
    error: msgspec.Raw = _ABSENT
    detail: msgspec.Raw = _ABSENT


_decode = msgspec.json.Decoder(_Reply).decode


def check_reply(operation: Operation, body: bytes, secrets: Iterable[str] = ()) -> Usage | None:
    """Raises what an answer that is none means; returns its usage where it tells."""
    if operation is EMBEDDINGS and len(body) > BIG:
        return _check_ends(body)
    key, within = _SHAPES[operation.name]
    try:
        if not body.isascii():
            body.decode()
        reply = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UpstreamBadResponse("The provider's answer is not a JSON object.") from None
    if reply.error is not _ABSENT and bytes(reply.error) != b"null":
        raise failure_inside(body, secrets)
    items = bytes(reply.data if operation is EMBEDDINGS else reply.choices)
    if not items.startswith(b"[") or items.find(within) < 0:
        raise failure_inside(body, secrets) if reply.detail is not _ABSENT else _shapeless(key)
    return read_usage(reply.usage) if reply.usage is not _ABSENT else None


def _check_ends(body: bytes) -> Usage | None:
    head, tail = body[:512].lstrip(), body[-512:].rstrip()
    if not head.startswith(b"{") or b'"data"' not in head + tail or not tail.endswith(b"}"):
        raise _shapeless("data")
    return usage_in_tail(body)


def _shapeless(key: str) -> UpstreamBadResponse:
    return UpstreamBadResponse(f"The provider's answer has no usable '{key}'.")
