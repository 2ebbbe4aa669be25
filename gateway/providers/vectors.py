"""Answers with vectors: told apart from errors and garbage, and held against the number of inputs.

Of large ones the figures are never parsed: a few bytes of each vector are enough to tell all rows apart.
"""

import re
from collections.abc import Iterable, Sequence

import msgspec

from gateway.errors import UpstreamBadResponse
from gateway.openai_api.call import Usage
from gateway.providers.failures import ABSENT, failure_inside, failure_instead, is_told
from gateway.providers.usage import read_usage

BIG = 64 * 1024

_NO_DATA = "The provider's answer has no usable 'data'."
_FIGURES = re.compile(rb'"[^"]|\[\s*[^\]\sn]')
"""How a vector begins that is neither empty nor null, as some engines write what came out as no number."""
_KEY = b'"embedding":'


class NoVectors(UpstreamBadResponse):
    """An answer with none, or with empty ones."""


class _Row(msgspec.Struct):
    index: int | None = None
    embedding: msgspec.Raw = ABSENT


class _Reply(msgspec.Struct):
    data: list[_Row]
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


_decode = msgspec.json.Decoder(_Reply).decode


def check_vectors(body: bytes, inputs: int, secrets: Iterable[str] = ()) -> Usage | None:
    """Raises what an answer that is none means; returns its usage where it tells. `inputs` is 0 where nobody knows how
    many vectors were asked for."""
    if len(body) > BIG:
        body = _outline(body)
    try:
        if not body.isascii():
            body.decode()
        reply = _decode(body)
    except msgspec.ValidationError:
        raise failure_instead(body, UpstreamBadResponse(_NO_DATA), secrets) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamBadResponse("The provider's answer is not a JSON object.") from None
    if is_told(reply.error):
        raise failure_inside(body, secrets)
    if not reply.data or not all(_FIGURES.match(row.embedding) for row in reply.data):
        raise NoVectors("The provider's answer lacks vectors.")
    _check_rows(reply.data, inputs)
    return read_usage(reply.usage) if reply.usage is not ABSENT else None


def _check_rows(rows: Sequence[_Row], inputs: int) -> None:
    """One for each input. Where a row does not say which, it is the one at its place: Gemini leaves out a 0."""
    if inputs and len(rows) != inputs:
        raise _miscounted(len(rows), inputs)
    indices = [place if row.index is None else row.index for place, row in enumerate(rows)]
    if inputs and sorted(indices) != list(range(inputs)):
        raise UpstreamBadResponse("The provider's vectors do not say which inputs they belong to.")


def _outline(body: bytes) -> bytes:
    """The same with nothing of a vector but its ends and its first figure. A vector's inside is jumped over."""
    pieces, done = [], 0
    while (at := body.find(_KEY, done)) >= 0:
        start = at + len(_KEY) + body.startswith(b" ", at + len(_KEY))
        end = kept = start
        if (mark := body[start : start + 1]) == b"[":
            end = body.find(b"]", start)
            kept = body.find(b",", start, end)
        elif mark == b'"':
            end = body.find(mark, start + 1)
            kept = start + 2
        if kept > end or kept < start:
            kept = end = max(start, end)
        pieces.append(body[done:kept])
        done = end
    return b"".join([*pieces, body[done:]])


def _miscounted(rows: int, inputs: int) -> UpstreamBadResponse:
    return UpstreamBadResponse(f"The provider answered with {rows} vectors for {inputs} inputs.")
