"""What an answer consumed, read from the usage object that upstreams of the OpenAI kind put into it."""

import re
from typing import Annotated

import msgspec

from gateway.openai_api.call import Usage

_TAIL = 4096


_Count = Annotated[int, msgspec.Meta(ge=0)] | None


class _Details(msgspec.Struct):
    cached_tokens: _Count = None


class _UsageFields(msgspec.Struct):
    prompt_tokens: _Count = None
    completion_tokens: _Count = None
    prompt_tokens_details: _Details | None = None


_decode = msgspec.json.Decoder(_UsageFields).decode
_POINT_ZERO = re.compile(rb"(\d)\.0+\b")


def read_usage(raw: msgspec.Raw | bytes) -> Usage | None:
    """None where there is none or it is not in the expected form. Some providers write whole numbers as `3.0`."""
    try:
        found = _decode(raw)
    except msgspec.DecodeError:
        whole = _POINT_ZERO.sub(rb"\1", bytes(raw))
        return read_usage(whole) if whole != bytes(raw) else None
    details = found.prompt_tokens_details
    return Usage(found.prompt_tokens, found.completion_tokens, details.cached_tokens if details else None)


def usage_in_tail(body: bytes) -> Usage | None:
    """For replies too large to be parsed: the last `"usage"` of their last bytes."""
    tail = body[-_TAIL:]
    start = tail.find(b"{", tail.rfind(b'"usage"'))
    if start < 0 or b'"usage"' not in tail:
        return None
    end = tail.find(b"}", start)
    while end >= 0:
        if usage := read_usage(tail[start : end + 1]):
            return usage
        end = tail.find(b"}", end + 1)
    return None
