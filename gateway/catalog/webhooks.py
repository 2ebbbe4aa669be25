"""Signed webhooks: tells receivers what changed in the catalog, again and again for a while, then gives up on record.

Signatures follow the Standard Webhooks specification, so that its libraries verify them. Addresses are judged when the
configuration is read, and again by the transport when they are connected to. Used on one event loop.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import secrets
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from gateway.catalog.catalog import Catalog
from gateway.catalog.changes import Change
from gateway.catalog.files import read_json, write_json
from gateway.errors import ConfigError, GatewayError, NotFound
from gateway.providers.base import Timeouts
from gateway.providers.guard import check_base_url
from gateway.providers.transport.base import HttpRequest, Transport
from gateway.settings import Settings

log = logging.getLogger("gateway.catalog")

WAITS = (2.0, 10.0, 60.0, 300.0)
"""Seconds before each further try."""
MOST_CHANGES = 500
MOST_DEAD = 100
MOST_PENDING = 100
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


def configured_receivers(settings: Settings) -> tuple[Receiver, ...]:
    """Raises ConfigError naming the key of an address or secret that cannot be."""
    found = []
    for n, webhook in enumerate(settings.catalog.webhooks):
        url, secret = webhook.url.get_secret_value(), webhook.secret.get_secret_value()
        address = url.partition("?")[0]
        check_base_url(
            address, settings.place("catalog", "webhooks", n, "url"), allow_private=settings.allow_private_upstreams
        )
        key = signing_key(secret, settings.place("catalog", "webhooks", n, "secret"))
        found.append(Receiver(webhook.name or f"webhook {n + 1}", url, key, frozenset(webhook.events)))
    return tuple(found)


def signing_key(secret: str, place: str) -> bytes:
    """`whsec_` and base64, or plain text."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
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


class Webhooks:
    """`folder` keeps the dead letters; None keeps them in memory alone."""

    def __init__(
        self, receivers: Sequence[Receiver], transport: Transport, folder: Path | None, waits: Sequence[float] = WAITS
    ) -> None:
        self._receivers = {receiver.name: receiver for receiver in receivers}
        self._transport = transport
        self._file = folder / "dead_letters.json" if folder else None
        self._waits = waits
        self._pending: set[asyncio.Task[Delivery]] = set()
        self._dead: deque[Mapping[str, Any]] | None = None

    @property
    def receivers(self) -> tuple[Receiver, ...]:
        return tuple(self._receivers.values())

    def publish(self, catalog: Catalog, changes: tuple[Change, ...]) -> None:
        """A listener of the board. What is too much at a time is given up at once, on record."""
        for receiver in self._receivers.values():
            wanted = [one for one in changes if not receiver.events or one.kind in receiver.events]
            if wanted:
                self._begin(receiver, _body("catalog.changes", changes_document(wanted)))

    async def test(self, name: str) -> Delivery:
        """Sends one message of the type `catalog.test`, once. Raises NotFound."""
        receiver = self._receivers.get(name)
        if receiver is None:
            known = ", ".join(self._receivers) or "none"
            raise NotFound(f"There is no webhook '{name}' (known: {known}).", param="name")
        return await self._deliver(receiver, _body("catalog.test", {"changes": [], "total": 0}), waits=())

    def dead_letters(self) -> list[Mapping[str, Any]]:
        """Messages that nobody took, the newest last."""
        return list(self._letters())

    async def aclose(self) -> None:
        """Gives up what is still under way."""
        for task in self._pending:
            task.cancel()
        if self._pending:
            await asyncio.wait(self._pending)

    def _begin(self, receiver: Receiver, body: bytes) -> None:
        if len(self._pending) >= MOST_PENDING:
            delivery = Delivery(_new_id(), receiver.name, _now(), 0, 0, "too many messages are waiting")
            self._bury(delivery, body)
            return
        task = asyncio.create_task(self._deliver(receiver, body, self._waits))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _deliver(self, receiver: Receiver, body: bytes, waits: Sequence[float]) -> Delivery:
        id = _new_id()
        delivery = await self._attempt(receiver, id, body, 1)
        for attempt, wait in enumerate(waits, 2):
            if delivery.delivered or not _may_pass(delivery):
                break
            await asyncio.sleep(wait)
            delivery = await self._attempt(receiver, id, body, attempt)
        if not delivery.delivered and waits:
            log.warning("webhook %s: given up after %d tries: %s", receiver.name, delivery.attempts, delivery.error)
            self._bury(delivery, body)
        return delivery

    async def _attempt(self, receiver: Receiver, id: str, body: bytes, attempt: int) -> Delivery:
        at, status, error = _now(), 0, ""
        headers = signed_headers(receiver.key, id, at // 1000, body)
        try:
            async with asyncio.timeout(_TIMEOUTS.whole + _TIMEOUTS.connect):
                response = await self._transport.send(HttpRequest("POST", receiver.url, headers, body, _TIMEOUTS))
                status = response.status
                await response.aclose()
        except TimeoutError:
            error = "no answer in time"
        except GatewayError as failed:
            error = failed.message
        if status and not 200 <= status < 300:
            error = f"answered {status}"
        return Delivery(id, receiver.name, at, attempt, status, error)

    def _letters(self) -> deque[Mapping[str, Any]]:
        if self._dead is None:
            kept = read_json(self._file) if self._file else None
            self._dead = deque(kept if isinstance(kept, list) else (), maxlen=MOST_DEAD)
        return self._dead

    def _bury(self, delivery: Delivery, body: bytes) -> None:
        letters = self._letters()
        letters.append({**asdict(delivery), "body": orjson.loads(body)})
        if self._file:
            try:
                write_json(self._file, list(letters))
            except OSError as error:
                log.warning("dead letters cannot be written: %s", error.strerror or type(error).__name__)


def changes_document(changes: Iterable[Change]) -> dict[str, Any]:
    """At most `MOST_CHANGES`, and how many there were."""
    found = list(changes)
    return {"changes": [one.document() for one in found[:MOST_CHANGES]], "total": len(found)}


def _body(type: str, data: Mapping[str, Any]) -> bytes:
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return orjson.dumps({"type": type, "timestamp": moment, "data": data})


def _may_pass(delivery: Delivery) -> bool:
    """Redirects come as an error of the transport, 410 says that nobody lives there."""
    return delivery.status != _GONE and "redirect" not in delivery.error


def _new_id() -> str:
    return f"msg_{secrets.token_hex(12)}"


def _now() -> int:
    return int(time.time() * 1000)
