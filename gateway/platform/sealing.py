"""The shapes between platform and instance. Without the encryption: sealed is base64 of gzip (platform-contract §6).

Pure; called by `calls`. The other half is the SDK's middleware in the instance.
"""

import base64
import binascii
import gzip
import zlib
from dataclasses import dataclass, field
from typing import Any

import orjson


class Unreadable(ValueError):
    """The instance answered in no shape that the platform reads; its failure."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An answer as the caller gets it."""

    body: bytes
    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


def seal(payload: Any) -> bytes:
    """The body of a call to an instance."""
    return base64.b64encode(gzip.compress(orjson.dumps(payload), compresslevel=1))


def seal_path(path: str) -> str:
    return "/" + path.encode().hex()


def unseal(text: str | bytes) -> bytes:
    """Raises Unreadable."""
    try:
        return gzip.decompress(base64.b64decode(text, validate=True))
    except (binascii.Error, gzip.BadGzipFile, EOFError, zlib.error, ValueError) as error:
        raise Unreadable(f"cannot be decrypted: {error}") from None


def open_whole(body: bytes) -> Opened:
    """`{"json": …}`, or `{"type", "status_code", "headers", "media_type", "body"}` of a Response. Raises Unreadable."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Unreadable("is no JSON") from None
    if not isinstance(document, dict):
        raise Unreadable("is no object")
    if "json" in document:
        return Opened(unseal(document["json"]))
    if "body" in document:
        kind = document.get("media_type") or "application/octet-stream"
        return Opened(unseal(document["body"]), kind)
    raise Unreadable("has neither 'json' nor 'body'")


def open_line(line: bytes) -> bytes:
    """One chunk of a stream, which must be text by itself. Raises Unreadable."""
    chunk = unseal(line)
    try:
        chunk.decode()
    except UnicodeDecodeError:
        raise Unreadable("a chunk is not text") from None
    return chunk
