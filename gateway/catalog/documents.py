"""Large JSON documents, row by row: to read, write or free a whole one is a single step of the interpreter, and the
event loop waits for it even where it happens in another thread. Called in threads."""

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

LARGE = 128 * 1024
"""Bytes from which a document, or a part of one, is read in parts."""
_DEEP = 2
"""Levels that are read apart: the document itself, and the lists and objects in it."""
_PARTS: Mapping[bytes, Any] = {b"{": dict[str, msgspec.Raw], b"[": list[msgspec.Raw]}


def loads(body: bytes) -> Any:
    """As `orjson.loads`. Raises `orjson.JSONDecodeError`."""
    return _read(memoryview(body), _DEEP)


def dumps(document: Any) -> bytes:
    """As `orjson.dumps`."""
    if not isinstance(document, dict):
        return _row_by_row(document)
    return b"{" + b",".join([orjson.dumps(name) + b":" + _row_by_row(value) for name, value in document.items()]) + b"}"


def let_go(document: Any) -> None:
    """Takes apart the lists in a document that nobody needs any more."""
    for value in document.values() if isinstance(document, dict) else (document,):
        while isinstance(value, list) and value:
            value.pop()


def _read(text: memoryview, deep: int) -> Any:
    kind = _PARTS.get(bytes(text[:1])) if deep and len(text) >= LARGE else None
    if kind is None:
        return orjson.loads(text)
    try:
        parts = msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return orjson.loads(text)
    if isinstance(parts, dict):
        return {name: _read(memoryview(part), deep - 1) for name, part in parts.items()}
    return [_read(memoryview(part), deep - 1) for part in parts]


def _row_by_row(value: Any) -> bytes:
    if not isinstance(value, list):
        return orjson.dumps(value)
    return b"[" + b",".join([orjson.dumps(row) for row in value]) + b"]"
