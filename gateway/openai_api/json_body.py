"""The caller's JSON object, split at its top level without building it. Called by `api` and by the adapters.

What is parsed here is what is forwarded: whatever two parsers could read in two ways is refused or normalised.
"""

import codecs
import json
import re
import threading
from collections.abc import Iterator, Mapping
from enum import Enum
from itertools import accumulate, count
from operator import sub
from secrets import token_hex
from typing import Any

import msgspec
import orjson
from msgspec import Raw

from gateway.errors import InvalidJSON, InvalidRequest
from gateway.openai_api.payloads import excerpt

MAX_DEPTH = 200
"""Nesting that any parser behind us can follow (CPython's own gives up below 1,000)."""

MAX_NAMES = 4096
"""At the top level, where each costs a microsecond in which nobody else is served; an API has some forty."""

_decode = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_value = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

_NULL = Raw(b"null")
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEPS = bytes.maketrans(b"[{]}", b"\x02\x02\x00\x00")
_MAX_DIGITS = 300
_STRIDE = 30
_NINES = b"9" * (_MAX_DIGITS // _STRIDE)
_DIGITS = bytes.maketrans(b"0123456789", b"9999999999")
_ESCAPED_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_HALF = re.compile("[\ud800-\udfff]")
_SEARCHED = 4 * 2**20
"""Bytes of a body that is refused in which the place is looked for: everybody waits for that."""
_MANY_BYTES = 8 * MAX_NAMES
"""Less has hardly that many names."""
_LONG_NUMBER = re.compile(rb"(?<![0-9.eE+-])[0-9.eE+-]{%d,}" % _MAX_DIGITS)


def split_object(body: bytes) -> dict[str, Raw]:
    """Keys in their order with the bytes of their values. Of duplicate keys the last counts, and only it is kept.

    A UTF-8 BOM is dropped. Raises `InvalidJSON` for anything else that is not one JSON object in UTF-8 with at most
    `MAX_DEPTH` levels, or that holds an integer no double can hold.
    """
    part = excerpt(body.removeprefix(codecs.BOM_UTF8))
    document = split_text(part.text)
    if part.payloads:
        return {name: Raw(part.restore(bytes(value))) for name, value in document.items()}
    return document


def split_text(body: bytes) -> dict[str, Raw]:
    """The same for the text of an excerpt, whose payloads stay left out; without BOM."""
    try:
        if len(body) > _MANY_BYTES and body.count(b":") > MAX_NAMES:
            _count_names(body)
        document = _decode(body)
    except RecursionError:
        raise _too_deep() from None
    except msgspec.ValidationError:
        raise InvalidJSON('The body must be a JSON object such as {"model": "..."}.') from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _half_a_character(body) or InvalidJSON(_explain(body, error)) from None
    if not body.isascii():
        _check_utf8(body)
    if len(body) > _MAX_DIGITS:
        _check_shape(body)
    return document


class _Name(Enum):
    """Takes the place of every name at the top level while they are counted: what is below is passed over, which takes
    a hundredth of the time."""

    ANY = token_hex()
    """Nobody can send it: a name that is known would not be counted."""

    @classmethod
    def _missing_(cls, value: object) -> "_Name":
        _seen.names += 1
        if _seen.names > MAX_NAMES:
            raise ValueError
        return cls.ANY


_seen = threading.local()
_decode_names = msgspec.json.Decoder(dict[_Name, Raw]).decode


def _count_names(body: bytes) -> None:
    """Raises `InvalidJSON` for too many, and what any decoder does for what is not JSON."""
    _seen.names = 0
    try:
        _decode_names(body)
    except msgspec.ValidationError:
        if _seen.names > MAX_NAMES:
            raise InvalidJSON(f"The JSON body has more than {MAX_NAMES:,} names at its top level.") from None
        raise


def splice_model(document: Mapping[str, Raw], model: str) -> bytes:
    """The same object with `model` replaced, at its place; added as the last key where it was missing."""
    return _encode({**document, "model": model})


def text_field(document: Mapping[str, Raw], name: str) -> str | None:
    """A field's string, None where it is missing or null; raises `InvalidRequest` when it is something else."""
    raw = document.get(name)
    if raw is None or bytes(raw) == b"null":
        return None
    try:
        return _decode_text(raw)
    except msgspec.ValidationError:
        raise InvalidRequest(f"'{name}' must be a string.", param=name, code="invalid_type") from None


def value_of(document: Mapping[str, Raw], name: str) -> Any:
    """A field's value, None where it is missing; raises `InvalidRequest` when it holds a number that no double can."""
    if name not in document:
        return None
    try:
        return _decode_value(document[name])
    except msgspec.ValidationError:
        raise InvalidRequest(f"'{name}' holds a number that is out of range.", param=name) from None


def is_given(document: Mapping[str, Raw], name: str) -> bool:
    """Whether a field is there and not null."""
    return name in document and document[name] != _NULL


def _too_deep() -> InvalidJSON:
    return InvalidJSON(f"The JSON body is nested more than {MAX_DEPTH} levels deep.")


def _explain(body: bytes, error: Exception) -> str:
    if not body.strip():
        return "The body is empty; it must be a JSON object."
    if body[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or b"\x00" in body[:4]:
        return "The body must be JSON in UTF-8; this looks like UTF-16 or UTF-32."
    where = re.search(r"\(byte (\d+)\)", str(error))
    return f"The body is not valid JSON{f' (at byte {where[1]})' if where else ''}."


def _half_a_character(body: bytes) -> InvalidJSON | None:
    """JavaScript makes such texts where it cuts one within an emoji. None where something else is wrong."""
    if len(body) > _SEARCHED or not _ESCAPED_HALF.search(body):
        return None
    try:
        where = next(_broken_texts(json.loads(body), ""), None)
    except (ValueError, RecursionError):
        return None
    if where is None:
        return None
    told = f"'{where}'" if where else "A name in the body"
    text = f"{told} holds half of a surrogate pair, such as \\ud83d alone: cut texts between whole characters."
    return InvalidJSON(text, param=where or None)


def _broken_texts(value: Any, path: str) -> Iterator[str]:
    """The paths of texts that are no Unicode; of names the path of what has them."""
    if isinstance(value, str):
        if _HALF.search(value):
            yield path
    elif isinstance(value, list):
        for n, one in enumerate(value):
            yield from _broken_texts(one, f"{path}.{n}".removeprefix("."))
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _broken_texts(name, path)
            yield from _broken_texts(one, f"{path}.{name}".removeprefix("."))


def _check_utf8(body: bytes) -> None:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise InvalidJSON(f"The body is not valid UTF-8 (at byte {error.start}).") from None


def _check_shape(body: bytes) -> None:
    """Depth and length of numbers, looking only at what is outside strings; the body is known to be valid JSON.

    Neither can be wrong in a body of `_MAX_DIGITS` bytes or fewer, nor in one with few brackets and without a row of
    digits that long, which a sample of its bytes shows.
    """
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH and _NINES not in body[::_STRIDE].translate(_DIGITS):
        return
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in body else body
    outside = b"".join(plain.split(b'"')[::2])
    brackets = outside.translate(None, _NOT_BRACKETS)
    if len(brackets) > 2 * MAX_DEPTH and max(map(sub, accumulate(brackets.translate(_STEPS)), count(1))) > MAX_DEPTH:
        raise _too_deep()
    for number in _LONG_NUMBER.findall(outside):
        try:
            orjson.loads(number)
        except orjson.JSONDecodeError:
            raise InvalidJSON("The body holds a number out of the range of a double.") from None
