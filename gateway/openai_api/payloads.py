"""Long base64 payloads of data URLs in a JSON body: found, judged and left out before the body is parsed.

What is left is a hundredth of a request with pictures. Called by `json_body` and `images`.
"""

import re
import secrets
from binascii import Error
from dataclasses import dataclass

from pybase64 import b64decode

LONG = 4096
"""Shorter payloads stay where they are."""

_PREFIX = b";base64,"
_MARK = secrets.token_hex(16).encode()
"""Nobody can guess it, so no body can hold it."""
_MARKED = re.compile(_MARK + rb"-(\d+)\.")
_PIECE = 64 * 1024
"""Decoded in one go: what fits into a processor's cache needs no fresh memory."""


@dataclass(slots=True)
class Excerpt:
    """`text` is the body with a mark in the place of each of the `payloads`, which are valid base64.

    A payload of these letters holds nothing that JSON treats specially, so `text` is valid JSON if the body is.
    """

    text: bytes
    payloads: tuple[memoryview, ...] = ()

    def restore(self, part: bytes) -> bytes:
        """A part of `text` as it stands in the body."""
        if not self.payloads or _MARK not in part:
            return part
        pieces: list[bytes | memoryview] = [*_MARKED.split(part)]
        pieces[1::2] = [self.payloads[int(bytes(number))] for number in pieces[1::2]]
        return b"".join(pieces)

    def payload(self, mark: str) -> memoryview | None:
        """The payload for which this stands; None where it is no mark."""
        found = _MARKED.fullmatch(mark.encode("utf-8", "surrogatepass")) if len(mark) < LONG else None
        return self.payloads[int(found[1])] if found else None


def excerpt(body: bytes) -> Excerpt:
    """Every string is looked at once, however often it has the prefix: only the last of them can begin a payload."""
    pieces: list[bytes] = []
    payloads: list[memoryview] = []
    done = at = 0
    while len(body) > LONG and (at := body.find(_PREFIX, at)) >= 0:
        if (end := body.find(b'"', at)) < 0:
            break
        start = body.rfind(_PREFIX, at, end) + len(_PREFIX)
        at = end
        if end - start < LONG or not is_base64(payload := memoryview(body)[start:end]):
            continue
        pieces += [body[done:start], b"%b-%d." % (_MARK, len(payloads))]
        payloads.append(payload)
        done = end
    return Excerpt(b"".join([*pieces, body[done:]]), tuple(payloads)) if payloads else Excerpt(body)


def is_base64(payload: bytes | memoryview) -> bool:
    """Whole and without stray characters."""
    size = len(payload)
    if not size or size % 4:
        return False
    view = memoryview(payload)
    try:
        sizes = [len(b64decode(view[at : at + _PIECE], validate=True)) for at in range(0, size, _PIECE)]
    except Error:
        return False
    return sum(sizes[:-1]) == _PIECE // 4 * 3 * (len(sizes) - 1)  # padding stands at the end of the last piece alone
