"""The requests that are sent. `max_tokens` and `seed` tell the mock how many events to stream, and how far apart."""

import base64
import json
import random
import struct
import zlib
from functools import cache
from typing import Any

_WORDS = "the gateway keeps count of tokens keys and routes while it forwards each call "
_SHORT = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "Say something short about gateways, please."},
]
UNIQUE = "_" * 16
"""The load generator puts the request's own number here, and wants it back in every event."""


def body_of(kind: str, chat: str, embedding: str) -> bytes:
    return json.dumps(_calls(kind, chat, embedding)).encode()


def _calls(kind: str, chat: str, embedding: str) -> dict[str, Any]:
    if kind == "embeddings":
        return {"model": embedding, "input": [_WORDS * 2] * 16}
    if kind == "image":
        return {"model": chat, "messages": [{"role": "user", "content": _picture_question()}], "max_tokens": 100}
    if kind == "long":
        turns = [{"role": ("user", "assistant")[i % 2], "content": _WORDS * 8} for i in range(31)]
        return {"model": chat, "messages": turns, "max_tokens": 100}
    if kind == "chat":
        return {"model": chat, "messages": _SHORT, "max_tokens": 100, "temperature": 0.7}
    return {
        "model": chat,
        "messages": _SHORT,
        "stream": True,
        "stream_options": {"include_usage": True},
        **_STREAMS[kind],
    }


_STREAMS: dict[str, dict[str, Any]] = {
    "first": {"max_tokens": 20, "seed": 10_000},
    "events": {"max_tokens": 100, "seed": 10_000},
    "checked": {"max_tokens": 50, "seed": 100_000, "user": UNIQUE},
}


def _picture_question() -> list[dict[str, Any]]:
    url = "data:image/png;base64," + base64.b64encode(png(512)).decode()
    return [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}}]


@cache
def png(side: int) -> bytes:
    """A square of random colours: a real picture that does not compress, 768 KB at 512 pixels."""
    noise = random.Random(7)  # noqa: S311
    rows = b"".join(b"\0" + noise.randbytes(side * 3) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = (_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(rows, 1)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
