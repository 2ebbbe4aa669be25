"""What an answer consumed, read from the usage object that upstreams of the OpenAI kind put into it."""

import re
from typing import Annotated

import msgspec

from gateway.openai_api.call import Usage

_TAIL = 4096


_Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)] | None
"""What no model could read or write in one request is no count."""


_NONE = msgspec.Raw(b"null")


class _Details(msgspec.Struct):
    cached_tokens: _Count = None


class _UsageFields(msgspec.Struct):
    prompt_tokens: _Count = None
    completion_tokens: _Count = None
    prompt_tokens_details: _Details | None = None
    cached_tokens: _Count = None
    """Where Moonshot tells them."""
    prompt_cache_hit_tokens: _Count = None
    """Where DeepSeek does."""
    total_tokens: msgspec.Raw = _NONE
    completion_tokens_details: msgspec.Raw = _NONE


class _OtherNames(msgspec.Struct):
    input_tokens: _Count = None
    output_tokens: _Count = None
    input_tokens_details: _Details | None = None
    total_tokens: _Count = None


class _Thoughts(msgspec.Struct):
    reasoning_tokens: _Count = None


_decode = msgspec.json.Decoder(_UsageFields).decode
_decode_total = msgspec.json.Decoder(_Count).decode
_decode_thoughts = msgspec.json.Decoder(_Thoughts | None).decode
_decode_others = msgspec.json.Decoder(_OtherNames).decode
_POINT_ZERO = re.compile(rb"(\d)\.0+\b")


def read_usage(raw: msgspec.Raw | bytes) -> Usage | None:
    """None where there is none or it is not in the expected form. Some providers write whole numbers as `3.0`."""
    try:
        found = _decode(raw)
        if found.prompt_tokens is None and found.completion_tokens is None:
            return _named_otherwise(raw)
    except msgspec.DecodeError:
        whole = _POINT_ZERO.sub(rb"\1", bytes(raw))
        return read_usage(whole) if whole != bytes(raw) else None
    used = Usage(found.prompt_tokens, found.completion_tokens, _cached(found))
    if used.input_tokens is not None and used.output_tokens is not None:
        used.output_tokens += _thoughts_beside(found, used.input_tokens + used.output_tokens)
    return used


def _cached(found: _UsageFields) -> int | None:
    details = found.prompt_tokens_details
    cached = details.cached_tokens if details else found.cached_tokens
    return found.prompt_cache_hit_tokens if cached is None else cached


def _thoughts_beside(found: _UsageFields, counted: int) -> int:
    """Tokens of thoughts that stand in the total alone. xAI and Gemini do not count them as output, but bill them."""
    try:
        beside = (_decode_total(found.total_tokens) or 0) - counted
        if beside <= 0:
            return 0
        thoughts = _decode_thoughts(found.completion_tokens_details)
    except msgspec.DecodeError:
        return 0
    if thoughts and thoughts.reasoning_tokens:
        return thoughts.reasoning_tokens if beside == thoughts.reasoning_tokens else 0
    return beside if beside != _cached(found) else 0


def _named_otherwise(raw: msgspec.Raw | bytes) -> Usage:
    """As OpenAI tells of pictures and recordings. Of vectors and ranks, which have no output, some tell but a total."""
    found = _decode_others(raw)
    details = found.input_tokens_details
    alone = found.total_tokens if found.output_tokens is None else None
    tokens = found.input_tokens if found.input_tokens is not None else alone
    return Usage(tokens, found.output_tokens, details.cached_tokens if details else None)


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
