"""Signed webhooks, to anybody: how a message is signed, sent and tried again. Called by the catalog and by jobs.

Signatures follow the Standard Webhooks specification, so that its libraries verify them.
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.errors import ConfigError, GatewayError
from gateway.providers.base import Timeouts
from gateway.providers.transport.base import HttpRequest, Transport

WAITS = (2.0, 10.0, 60.0, 300.0)
"""Seconds before each further try."""
_GONE = 410
_TIMEOUTS = Timeouts(connect=5.0, first_byte=10.0, whole=10.0, idle=10.0)


@dataclass(frozen=True, slots=True)
class Receiver:
    """`events` empty: all of them."""

    name: str
    url: str = field(repr=False)
    key: bytes = field(repr=False)
    events: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one message. `status` is that of the last answer, 0 where there was none."""

    id: str
    receiver: str
    at: int
    """Milliseconds since 1970."""
    attempts: int
    status: int
    error: str = ""

    @property
    def delivered(self) -> bool:
        return not self.error


def signing_key(secret: str, place: str) -> bytes:
    """`whsec_` and base64, or plain text."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        raise ConfigError(f"{place}: what follows whsec_ must be base64") from None


def signed_headers(key: bytes, id: str, at: int, body: bytes) -> dict[str, str]:
    """`at` in seconds since 1970."""
    mac = hmac.new(key, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "content-type": "application/json",
        "user-agent": "chute-gateway",
        "webhook-id": id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }


def message(type: str, data: Mapping[str, Any]) -> bytes:
    """The body of a message."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return orjson.dumps({"type": type, "timestamp": moment, "data": data})


async def deliver(
    transport: Transport, receiver: Receiver, body: bytes, waits: Sequence[float], id: str = ""
) -> Delivery:
    """Tries until somebody takes it, at most once more than there are `waits`. `id` empty: a new one."""
    id = id or new_id()
    delivery = await _attempt(transport, receiver, id, body, 1)
    for attempt, wait in enumerate(waits, 2):
        if delivery.delivered or not _may_pass(delivery):
            break
        await asyncio.sleep(wait)
        delivery = await _attempt(transport, receiver, id, body, attempt)
    return delivery


def new_id() -> str:
    return f"msg_{secrets.token_hex(12)}"


def now_ms() -> int:
    return int(time.time() * 1000)


async def _attempt(transport: Transport, receiver: Receiver, id: str, body: bytes, attempt: int) -> Delivery:
    at, status, error = now_ms(), 0, ""
    headers = signed_headers(receiver.key, id, at // 1000, body)
    try:
        async with asyncio.timeout(_TIMEOUTS.whole + _TIMEOUTS.connect):
            response = await transport.send(HttpRequest("POST", receiver.url, headers, body, _TIMEOUTS))
            status = response.status
            await response.aclose()
    except TimeoutError:
        error = "no answer in time"
    except GatewayError as failed:
        error = failed.message
    if status and not 200 <= status < 300:
        error = f"answered {status}"
    return Delivery(id, receiver.name, at, attempt, status, error)


def _may_pass(delivery: Delivery) -> bool:
    """Redirects come as an error of the transport, 410 says that nobody lives there."""
    return delivery.status != _GONE and "redirect" not in delivery.error
