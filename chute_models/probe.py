"""Asking an engine on loopback for its health and its load, without an HTTP library."""

import asyncio
import errno
import re

_MAX_BYTES = 1 << 20
_NO_DESCRIPTOR = frozenset({errno.EMFILE, errno.ENFILE})
_RUNNING = re.compile(rb"^\w+[:_]num_requests_(?:running|waiting)(?:\{[^}]*\})? ([0-9.e+]+)$", re.MULTILINE)


async def fetch(port: int, path: str, secret: str, timeout: float) -> tuple[int, bytes]:
    """Status and body of a GET; status 0 when the engine does not answer in time or at all. Raises OSError where this
    process has no file descriptor left to ask with, which says nothing of the engine."""
    try:
        async with asyncio.timeout(timeout):
            return await _get(port, path, secret)
    except (OSError, TimeoutError, ValueError, IndexError) as error:
        if isinstance(error, OSError) and error.errno in _NO_DESCRIPTOR:
            raise
        return 0, b""


async def _get(port: int, path: str, secret: str) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {secret}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        await writer.drain()
        answer = bytearray()
        while len(answer) < _MAX_BYTES and (chunk := await reader.read(65536)):
            answer += chunk
        header, _, body = bytes(answer).partition(b"\r\n\r\n")
        return int(header.split(b" ", 2)[1]), body
    finally:
        writer.close()


async def requests_in_flight(port: int, secret: str, timeout: float) -> int | None:
    """Running and waiting requests by the engine's own metrics; None when it does not tell."""
    try:
        status, body = await fetch(port, "/metrics", secret, timeout)
    except OSError:
        return None
    found = _RUNNING.findall(body) if status == 200 else []
    return round(sum(float(value) for value in found)) if found else None
