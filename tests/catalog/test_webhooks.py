"""Signed webhooks against real receivers, good and bad.

Rows of docs/acceptance.md: A004-11.
"""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.catalog.catalog import Catalog
from gateway.catalog.changes import Change, ChangeKind
from gateway.catalog.webhooks import MOST_CHANGES, MOST_DEAD, Webhooks, configured_receivers
from gateway.errors import ConfigError, NotFound
from gateway.providers.transport.addresses import AddressPolicy
from gateway.providers.transport.pooled import PooledTransport
from gateway.providers.webhooks import Receiver, signing_key
from gateway.settings import Settings
from tests.fakes.inbox import SECRET, Inbox, verified

PRICE = Change(ChangeKind.PRICE, "org/model", "price_input", 0.1, 0.2)
GONE = Change(ChangeKind.GONE, "org/old")


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    inbox = Inbox()
    yield inbox
    inbox.server.stop()


class Sender:
    def __init__(self, folder: Path, allow_private: bool = True) -> None:
        self.folder = folder
        self.transport = PooledTransport(AddressPolicy(allow_private=allow_private))
        self.made: list[Webhooks] = []

    def __call__(self, *receivers: Receiver) -> Webhooks:
        self.made.append(Webhooks(receivers, self.transport, self.folder, waits=(0.0, 0.01, 0.01, 0.01)))
        return self.made[-1]

    async def close(self) -> None:
        for one in self.made:
            await one.aclose()
        await self.transport.aclose()


@pytest.fixture
async def sender(tmp_path: Path) -> AsyncIterator[Sender]:
    sender = Sender(tmp_path)
    yield sender
    await sender.close()


def receiver(inbox: Inbox, *events: str, name: str = "hook") -> Receiver:
    return Receiver(name, f"{inbox.url}/in?token=t", signing_key(SECRET, "secret"), frozenset(events))


async def published(webhooks: Webhooks, *changes: Change) -> None:
    """Returns when every message was taken or given up."""
    webhooks.publish(Catalog(), changes)
    for task in list(webhooks._pending):
        await task


async def test_a_receiver_gets_the_changes_signed(inbox: Inbox, sender: Sender) -> None:
    await published(sender(receiver(inbox)), PRICE, GONE)
    (message,) = inbox.messages
    assert (message.method, message.path, message.query) == ("POST", "/in", "token=t")
    body = verified(message)
    assert body["type"] == "catalog.changes" and body["data"]["total"] == 2
    assert body["data"]["changes"] == [
        {"kind": "price", "model": "org/model", "field": "price_input", "before": 0.1, "after": 0.2},
        {"kind": "gone", "model": "org/old"},
    ]


async def test_a_receiver_gets_only_the_events_it_wants(inbox: Inbox, sender: Sender) -> None:
    webhooks = sender(receiver(inbox, "price"))
    await published(webhooks, GONE)
    assert inbox.messages == []
    await published(webhooks, GONE, PRICE)
    assert [one["kind"] for one in verified(inbox.messages[0])["data"]["changes"]] == ["price"]


@pytest.mark.parametrize("first", [500, 429, 404, 0])
async def test_what_is_not_taken_is_sent_again_under_the_same_id(inbox: Inbox, sender: Sender, first: int) -> None:
    inbox.statuses = [first, first]
    webhooks = sender(receiver(inbox))
    await published(webhooks, PRICE)
    assert len(inbox.messages) == 3 and len({one.headers["webhook-id"] for one in inbox.messages}) == 1
    assert [verified(one) for one in inbox.messages] and webhooks.dead_letters() == []


async def test_after_five_tries_it_is_a_dead_letter_that_survives_a_restart(inbox: Inbox, sender: Sender) -> None:
    inbox.statuses = [503] * 9
    webhooks = sender(receiver(inbox))
    await published(webhooks, PRICE)
    assert len(inbox.messages) == 5
    (letter,) = sender(receiver(inbox)).dead_letters()
    assert (letter["receiver"], letter["attempts"], letter["status"]) == ("hook", 5, 503)
    assert letter["body"]["data"]["changes"][0]["model"] == "org/model"
    assert "token" not in json.dumps(letter)


@pytest.mark.parametrize("status", [410, 302])
async def test_who_has_moved_or_is_gone_is_not_asked_again(inbox: Inbox, sender: Sender, status: int) -> None:
    inbox.statuses = [status]
    webhooks = sender(receiver(inbox))
    await published(webhooks, PRICE)
    assert len(inbox.messages) == 1 and len(webhooks.dead_letters()) == 1


async def test_dead_letters_are_bounded(inbox: Inbox, sender: Sender) -> None:
    inbox.statuses = [410] * (MOST_DEAD + 5)
    webhooks = sender(receiver(inbox))
    for _ in range(MOST_DEAD + 5):
        await published(webhooks, PRICE)
    assert len(webhooks.dead_letters()) == MOST_DEAD


async def test_a_message_holds_a_bounded_number_of_changes(inbox: Inbox, sender: Sender) -> None:
    await published(sender(receiver(inbox)), *[GONE] * (MOST_CHANGES + 100))
    data = verified(inbox.messages[0])["data"]
    assert (len(data["changes"]), data["total"]) == (MOST_CHANGES, MOST_CHANGES + 100)


async def test_the_test_call_sends_once_and_tells_what_came_back(inbox: Inbox, sender: Sender) -> None:
    webhooks = sender(receiver(inbox, name="prices"))
    sent = await webhooks.test("prices")
    assert sent.delivered and sent.status == 204 and verified(inbox.messages[0])["type"] == "catalog.test"
    inbox.statuses = [500]
    again = await webhooks.test("prices")
    assert not again.delivered and again.error == "answered 500" and len(inbox.messages) == 2
    assert webhooks.dead_letters() == []
    with pytest.raises(NotFound, match="known: prices"):
        await webhooks.test("other")


async def test_a_private_address_is_refused_when_it_is_connected_to(inbox: Inbox, tmp_path: Path) -> None:
    sender = Sender(tmp_path, allow_private=False)
    sent = await sender(receiver(inbox)).test("hook")
    await sender.close()
    assert not sent.delivered and sent.status == 0 and inbox.messages == []


@pytest.mark.parametrize(
    ("webhook", "said"),
    [
        ({"url": "http://example.com/x", "secret": SECRET}, "webhooks.0.url: must use https"),
        ({"url": "https://10.1.2.3/x", "secret": SECRET}, "webhooks.0.url: is a private address"),
        ({"url": "https://169.254.169.254/x", "secret": SECRET}, "webhooks.0.url: is a cloud metadata address"),
        ({"url": "https://u:p@example.com/x", "secret": SECRET}, "webhooks.0.url: must not hold credentials"),
        ({"url": "https://example.com/x", "secret": "whsec_!!!!!!!!!!!!!!!!"}, "webhooks.0.secret: what follows"),
    ],
)
def test_a_receiver_that_cannot_be_is_named_when_the_settings_are_read(webhook: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured_receivers(Settings.model_validate({"catalog": {"webhooks": [webhook]}}))
    assert said in caught.value.message and "token" not in caught.value.message


@pytest.mark.parametrize(
    ("webhook", "said"),
    [
        ({"url": "https://a.example", "secret": "short"}, "at least 16 characters"),
        ({"url": "https://a.example", "secret": SECRET, "events": ["rain"]}, "'rain' is no event"),
        ({"url": "https://a.example"}, "secret"),
    ],
)
def test_settings_of_a_webhook_are_checked(webhook: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Settings.model_validate({"catalog": {"webhooks": [webhook]}})


def test_a_url_may_hold_a_token_and_shows_it_nowhere() -> None:
    settings = Settings.model_validate(
        {"catalog": {"webhooks": [{"url": "https://example.com/in?token=hush", "secret": SECRET, "events": "price"}]}}
    )
    (found,) = configured_receivers(settings)
    assert found.url.endswith("hush") and found.name == "webhook 1" and found.events == {"price"}
    assert "hush" not in repr(found) + repr(settings)
