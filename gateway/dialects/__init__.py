"""Other APIs that callers may speak, each translated to chat completions and back."""

import asyncio

from gateway.dialects.base import Dialect, Translation
from gateway.dialects.messages import MESSAGES
from gateway.dialects.responses import RESPONSES

DIALECTS: dict[str, Dialect] = {dialect.path: dialect for dialect in (MESSAGES, RESPONSES)}
"""By path."""
_LONG = 128 * 1024
"""Bytes of a request that is not translated at once."""


async def translated(dialect: Dialect, body: bytes) -> Translation:
    """A long one costs microseconds for each of its messages, which nobody else is to wait for."""
    return dialect.translate(body) if len(body) <= _LONG else await asyncio.to_thread(dialect.translate, body)
