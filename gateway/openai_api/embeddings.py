"""Embedding answers in the asked encoding, floats or base64, whatever the upstream can. Called after the adapter."""

import binascii
import re
import sys
from array import array
from typing import Any

import msgspec
import orjson
from msgspec import Raw
from pybase64 import b64decode, b64encode_as_string

from gateway.errors import InvalidRequest, UpstreamBadResponse

_ENCODINGS = ("float", "base64")
_FIRST_EMBEDDING = re.compile(rb'"embedding"\s*:\s*(["\[])')
_FIRST_ITEM = re.compile(rb'\[\s*(["\[{])')
_NO_TOKENS = re.compile(rb'\s*\[[^\]]*[\["{]')
_EMPTY_INPUT = re.compile(rb'\s*(?:null|""|\[\s*\])\s*')

_items = msgspec.json.Decoder(list[Raw]).decode


def refuse_empty_input(value: Raw | bytes) -> None:
    """Raise `InvalidRequest` for the inputs that every upstream refuses in its own words: `""`, `[]`, null, and what is
    neither text nor a list."""
    raw = bytes(value)
    if raw.lstrip(b" \t\r\n")[:1] not in (b'"', b"[") or (len(raw) < 64 and _EMPTY_INPUT.fullmatch(raw)):
        raise InvalidRequest(
            "'input' must be neither empty nor of another type: give a string, a list of strings, or a list of tokens.",
            param="input",
        )


def count_inputs(value: Raw) -> int:
    """How many vectors are asked for: one for a text or a list of tokens, else one for each item. 0 where nobody knows:
    of items that are objects some models make one vector together, and of a list of tokens and others none."""
    if not (first := _FIRST_ITEM.match(value)):
        return 0 if _NO_TOKENS.match(value) else 1
    return 0 if first[1] == b"{" else len(_items(value))


def ensure_encoding(body: bytes, asked: str) -> bytes:
    """The answer with its vectors as `asked`: `float` or `base64` (little-endian float32).

    Untouched bytes when they are so already, and where another encoding is asked for, which some providers have.
    Raises `UpstreamBadResponse` when vectors cannot be converted.
    """
    found = _FIRST_EMBEDDING.search(body) if asked in _ENCODINGS else None
    if found is None or (found[1] == b'"') == (asked == "base64"):
        return body
    try:
        document = orjson.loads(body)
        for item in document["data"]:
            item["embedding"] = _convert(item["embedding"], asked)
        return orjson.dumps(document)
    except (orjson.JSONDecodeError, binascii.Error, KeyError, TypeError, ValueError, OverflowError):
        raise UpstreamBadResponse("The provider sent embeddings that cannot be read.") from None


def _convert(vector: Any, asked: str) -> str | list[float]:
    if asked != "base64":
        if isinstance(vector, list):
            return vector
        floats = array("f", b64decode(vector, validate=True))
        return _little_endian(floats).tolist()
    if isinstance(vector, str):
        return vector
    return b64encode_as_string(_little_endian(array("f", vector)).tobytes())


def _little_endian(floats: "array[float]") -> "array[float]":
    if sys.byteorder == "big":
        floats.byteswap()
    return floats
