"""Webhooks of jobs: who a caller wants told, and the courier who tells them. Read by `api`, sent by the runner.

The caller names the address, so it must be public, or one of the hosts that the operator allows; and it brings the
secret that signs, so that nobody else can speak in the gateway's name to it. Both are kept sealed until all is told.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from gateway.access.secrets import Sealer
from gateway.errors import ConfigError, InvalidImage, InvalidRequest
from gateway.providers.transport.addresses import AddressPolicy
from gateway.providers.transport.base import Transport
from gateway.providers.transport.pooled import PooledTransport
from gateway.providers.transport.url import parse_url
from gateway.providers.webhooks import WAITS, Delivery, Receiver, deliver, signing_key

log = logging.getLogger("gateway.jobs")

URL_HEADER, SECRET_HEADER = "x-gateway-webhook", "x-gateway-webhook-secret"
_NAME = "webhook of a job"
_LONGEST = 2048
_SHORTEST_SECRET = 16
_LAST_SECONDS = 2.0
"""For messages that are under way when the gateway stops."""


@dataclass(frozen=True, slots=True)
class HookRules:
    """`hosts`, with their subdomains, are the only ones where there are any, and may be private; `own_port` is ours."""

    hosts: tuple[str, ...] = ()
    own_port: int = 0


async def read_hook(headers: Mapping[str, str], rules: HookRules) -> Receiver | None:
    """None where nobody is to be told. Raises InvalidRequest for a refused address and for a secret that is none."""
    url = headers.get(URL_HEADER)
    if url is None:
        return None
    try:
        host = parse_url(url).origin.host.rstrip(".") if len(url) <= _LONGEST else ""
    except ValueError:
        host = ""
    if not host:
        raise _refused("must be a URL that begins with https:// and has neither credentials nor a fragment")
    if rules.hosts:
        if not any(host == one or host.endswith(f".{one}") for one in map(str.lower, rules.hosts)):
            raise _refused("names a host that this gateway does not send webhooks to")
    else:
        await _check_public(url, rules)
    return Receiver(_NAME, url, _key(headers.get(SECRET_HEADER, "")))


async def _check_public(url: str, rules: HookRules) -> None:
    if not url.lower().startswith("https://"):
        raise _refused("must begin with https://")
    fetching: Any = import_module("gateway.media.fetch")  # httpx takes 100 ms and 7 MB to load
    try:
        await fetching.refuse_unsafe_url(url, refused_ports=(rules.own_port,))
    except InvalidImage:
        raise _refused("must name a public address that can be found") from None


def _refused(reason: str) -> InvalidRequest:
    return InvalidRequest(f"X-Gateway-Webhook {reason}.", param="X-Gateway-Webhook", code="webhook_refused")


def _key(secret: str) -> bytes:
    try:
        key = signing_key(secret, "X-Gateway-Webhook-Secret")
    except ConfigError as error:
        raise InvalidRequest(f"{error.message}.", param="X-Gateway-Webhook-Secret") from None
    if len(key) < _SHORTEST_SECRET:
        text = "A webhook is signed: send X-Gateway-Webhook-Secret with 16 bytes or more, as text or whsec_ and base64."
        raise InvalidRequest(text, param="X-Gateway-Webhook-Secret")
    return key


def sealed(receiver: Receiver, sealer: Sealer) -> str:
    """As it is kept: the address may hold a secret too."""
    return sealer.seal(json.dumps([receiver.url, receiver.key.hex()]))


def opened(token: str, sealer: Sealer) -> Receiver:
    """Raises SealedElsewhere."""
    url, key = json.loads(sealer.open(token))
    return Receiver(_NAME, url, bytes.fromhex(key))


Told = Callable[[str], Awaitable[None]]
"""Takes the id of a job of whose end nobody has to be told any more."""


class Courier:
    """Sends messages side by side, each again and again for a while. The transport judges every address once more."""

    def __init__(self, rules: HookRules, waits: Sequence[float] = WAITS) -> None:
        self.rules = rules
        policy = AddressPolicy(bool(rules.hosts), frozenset({rules.own_port}))
        self._transport: Transport = PooledTransport(policy)
        self._waits = waits
        self._pending: set[asyncio.Task[None]] = set()

    @property
    def pending(self) -> int:
        return len(self._pending)

    def send(self, receiver: Receiver, body: bytes, job_id: str, told: Told) -> None:
        """`told` is called when the message was taken or given up, and not where the end of the gateway came first."""
        task = asyncio.create_task(self._send(receiver, body, job_id, told))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def aclose(self) -> None:
        """What is under way has a moment; what still waits for its next try is left to whoever comes next."""
        if self._pending:
            _, late = await asyncio.wait(self._pending, timeout=_LAST_SECONDS)
            for task in late:
                task.cancel()
        await self._transport.aclose()

    async def _send(self, receiver: Receiver, body: bytes, job_id: str, told: Told) -> None:
        id = f"msg_{job_id.removeprefix('job-')}"
        delivery: Delivery = await deliver(self._transport, receiver, body, self._waits, id)
        if delivery.delivered:
            log.info("%s: webhook delivered", job_id)
        else:
            log.warning("%s: webhook given up after %d tries: %s", job_id, delivery.attempts, delivery.error)
        await told(job_id)
