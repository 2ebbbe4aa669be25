"""Signed webhooks: tells receivers what changed in the catalog, again and again for a while, then gives up on record.

Addresses are judged when the configuration is read, and again by the transport when they are connected to. Used on one
event loop.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from gateway.catalog.catalog import Catalog
from gateway.catalog.changes import Change
from gateway.catalog.files import read_json, write_json
from gateway.errors import NotFound
from gateway.providers.guard import check_url
from gateway.providers.transport.base import Transport
from gateway.providers.webhooks import WAITS, Delivery, Receiver, deliver, message, new_id, now_ms, signing_key
from gateway.settings import Settings

log = logging.getLogger("gateway.catalog")

MOST_CHANGES = 500
MOST_DEAD = 100
MOST_PENDING = 100


def configured_receivers(settings: Settings) -> tuple[Receiver, ...]:
    """Raises ConfigError naming the key of an address or secret that cannot be."""
    found = []
    for n, webhook in enumerate(settings.catalog.webhooks):
        url, secret = webhook.url.get_secret_value(), webhook.secret.get_secret_value()
        address = url.partition("?")[0]
        place = settings.place("catalog", "webhooks", n, "url")
        check_url(address, place, allow_private=settings.allow_private_upstreams)
        key = signing_key(secret, settings.place("catalog", "webhooks", n, "secret"))
        found.append(Receiver(webhook.name or f"webhook {n + 1}", url, key, frozenset(webhook.events)))
    return tuple(found)


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
                self._begin(receiver, message("catalog.changes", changes_document(wanted)))

    async def test(self, name: str) -> Delivery:
        """Sends one message of the type `catalog.test`, once. Raises NotFound."""
        receiver = self._receivers.get(name)
        if receiver is None:
            known = ", ".join(self._receivers) or "none"
            raise NotFound(f"There is no webhook '{name}' (known: {known}).", param="name")
        return await self._deliver(receiver, message("catalog.test", {"changes": [], "total": 0}), waits=())

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
            delivery = Delivery(new_id(), receiver.name, now_ms(), 0, 0, "too many messages are waiting")
            self._bury(delivery, body)
            return
        task = asyncio.create_task(self._deliver(receiver, body, self._waits))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _deliver(self, receiver: Receiver, body: bytes, waits: Sequence[float]) -> Delivery:
        delivery = await deliver(self._transport, receiver, body, waits)
        if not delivery.delivered and waits:
            log.warning("webhook %s: given up after %d tries: %s", receiver.name, delivery.attempts, delivery.error)
            self._bury(delivery, body)
        return delivery

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
