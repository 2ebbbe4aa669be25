"""Webhooks of jobs: signed with the caller's own secret, sent again after a failure, never to an address inside."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.jobs import ANNA, ASYNC, CHAT, chat, ended, eventually, hand_over, running
from tests.api.running import RunningGateway
from tests.fakes.http_server import Exchange, HttpServer, Received
from tests.fakes.upstream import Upstream
from tests.trust.processes import Served, provider_yaml

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


class Hook:
    """A receiver that answers with `statuses`, then with 204."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.server = HttpServer(self._answer)
        self.server.start()

    @property
    def messages(self) -> list[Received]:
        return self.server.requests

    async def _answer(self, exchange: Exchange) -> None:
        status = self.statuses.pop(0) if self.statuses else 204
        headers = {"location": f"{self.server.url}/elsewhere"} if status == 307 else {}
        exchange.send(status, b"", **headers)

    def headers(self) -> dict[str, Any]:
        return signed(f"{self.server.url}/hook?token=t")


@pytest.fixture
def hook() -> Iterator[Hook]:
    found = Hook()
    yield found
    found.server.stop()


@pytest.fixture
def gateway(tmp_path: Path, upstream: Upstream) -> Iterator[RunningGateway]:
    served = running(tmp_path, upstream, jobs={"webhook_hosts": ["127.0.0.1", "hooks.example.com"]})
    yield served
    served.stop()


@pytest.fixture
def strict(tmp_path: Path, upstream: Upstream) -> Iterator[RunningGateway]:
    """Any public host, and no other, although private providers are allowed."""
    served = running(tmp_path, upstream)
    yield served
    served.stop()


def signed(url: str) -> dict[str, str]:
    return {"x-gateway-webhook": url, "x-gateway-webhook-secret": SECRET}


def verified(message: Received) -> Any:
    """What a receiver does. Source: the Standard Webhooks specification."""
    id, at = message.headers["webhook-id"], message.headers["webhook-timestamp"]
    assert abs(int(at) - time.time()) < 60
    mac = hmac.new(KEY, f"{id}.{at}.".encode() + message.body, hashlib.sha256).digest()
    assert message.headers["webhook-signature"] == "v1," + base64.b64encode(mac).decode()
    return json.loads(message.body)


@pytest.mark.parametrize(("fault", "status"), [("", "succeeded"), ("500", "failed")])
def test_the_end_of_a_job_is_told_and_signed(
    gateway: RunningGateway, upstream: Upstream, hook: Hook, fault: str, status: str
) -> None:
    upstream.faults["gpt-x"] = fault
    with gateway.http(ANNA) as http:
        id = hand_over(http, **hook.headers())["id"]
        eventually(lambda: len(hook.messages) == 1)
        (message,) = hook.messages
        told = verified(message)
        assert (message.method, message.path, message.query) == ("POST", "/hook", "token=t")
        assert told["type"] == f"job.{status}" and told["data"] == http.get(f"/v1/jobs/{id}").json()
    assert SECRET not in message.body.decode()
    assert all("webhook" not in name for request in upstream.requests for name in request.headers)


def test_a_receiver_that_fails_is_asked_again_with_the_same_id(gateway: RunningGateway, hook: Hook) -> None:
    hook.statuses = [500]
    with gateway.http(ANNA) as http:
        hand_over(http, **hook.headers())
        eventually(lambda: len(hook.messages) == 2)
    assert len({message.headers["webhook-id"] for message in hook.messages}) == 1
    assert all(verified(message)["type"] == "job.succeeded" for message in hook.messages)


@pytest.mark.parametrize("status", [307, 410])
def test_redirects_are_not_followed_and_410_ends_it(gateway: RunningGateway, hook: Hook, status: int) -> None:
    hook.statuses = [status]
    with gateway.http(ANNA) as http:
        ended(http, hand_over(http, **hook.headers())["id"])
        eventually(lambda: len(hook.messages) == 1)
        after = hand_over(http, **hook.headers())
        eventually(lambda: len(hook.messages) == 2)
    assert json.loads(hook.messages[1].body)["data"]["id"] == after["id"]
    assert {message.path for message in hook.messages} == {"/hook"}


def test_who_waited_long_enough_has_the_answer_and_no_message(gateway: RunningGateway, hook: Hook) -> None:
    with gateway.http(ANNA) as http:
        headers = hook.headers() | {"prefer": "respond-async, wait=30"}
        assert http.post(CHAT, json=chat(), headers=headers).status_code == 200
        ended(http, hand_over(http, **hook.headers())["id"])
        eventually(lambda: hook.messages)
    assert len(hook.messages) == 1


def killable(folder: Path, upstream: Upstream) -> Served:
    return Served(folder, yaml=provider_yaml(upstream.url), JOBS_WEBHOOK_HOSTS="127.0.0.1")


def test_the_message_of_a_job_whose_gateway_was_killed_is_sent_by_the_next_one(
    tmp_path: Path, upstream: Upstream, hook: Hook
) -> None:
    served = killable(tmp_path, upstream)
    served.start()
    upstream.faults["gpt-x"] = "hang"
    with served.http() as http:
        id = hand_over(http, **hook.headers())["id"]
        eventually(lambda: upstream.requests)
    served.kill()
    kept = b"".join(path.read_bytes() for path in served.state.glob("gateway.db*"))
    assert b"token=t" not in kept and KEY not in kept and KEY.hex().encode() not in kept
    served.start()
    eventually(lambda: hook.messages, 40)
    served.stop()
    told = verified(hook.messages[0])
    assert (told["type"], told["data"]["id"]) == ("job.failed", id)
    assert told["data"]["error"]["code"] == "job_interrupted"
    assert "token=t" not in served.log and SECRET not in served.log


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_message_that_nobody_took_yet_is_sent_after_the_next_start_with_its_id(
    tmp_path: Path, upstream: Upstream, hook: Hook, end: str
) -> None:
    served = killable(tmp_path, upstream)
    served.start()
    hook.statuses = [500, 500]
    with served.http() as http:
        hand_over(http, **hook.headers())
        eventually(lambda: len(hook.messages) == 2)
    getattr(served, end)()
    served.start()
    eventually(lambda: len(hook.messages) == 3, 40)
    with served.http() as http:
        hand_over(http, **hook.headers())
        eventually(lambda: len(hook.messages) == 4)
    served.stop()
    ids = [message.headers["webhook-id"] for message in hook.messages]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert verified(hook.messages[2])["type"] == "job.succeeded"


REFUSED = [
    "http://example.com/hook",
    "https://127.0.0.1/hook",
    "https://127.1/hook",
    "https://2130706433/hook",
    "https://0x7f000001/hook",
    "https://[::1]/hook",
    "https://[::ffff:10.0.0.1]/hook",
    "https://localhost/hook",
    "https://printer.local/hook",
    "https://10.1.2.3/hook",
    "https://169.254.169.254/latest",
    "https://metadata.google.internal/",
    "https://user:password@example.com/hook",
    "https://example.com/hook#part",
    "https://example.com\\@127.0.0.1/",
    "ftp://example.com/hook",
    "file:///etc/passwd",
    "example.com/hook",
    "https://",
    "https://example.com/" + "x" * 3000,
]


@pytest.mark.parametrize("url", REFUSED)
def test_addresses_inside_and_odd_spellings_are_refused_before_anything_is_done(
    strict: RunningGateway, upstream: Upstream, url: str
) -> None:
    with strict.http(ANNA) as http:
        reply = http.post(CHAT, json=chat(), headers=ASYNC | signed(url))
        assert reply.status_code == 400 and reply.json()["error"]["code"] == "webhook_refused", reply.text
        assert reply.json()["error"]["param"] == "X-Gateway-Webhook" and http.get("/v1/jobs").json()["data"] == []
    assert not upstream.requests


def test_only_the_hosts_that_are_listed_are_told(gateway: RunningGateway) -> None:
    with gateway.http(ANNA) as http:
        for url in ("https://example.com/", "https://badhooks.example.com/", "https://127.0.0.11/"):
            reply = http.post(CHAT, json=chat(), headers=ASYNC | signed(url))
            assert reply.json()["error"]["code"] == "webhook_refused", url


def test_the_gateway_is_never_told_itself(tmp_path: Path, upstream: Upstream, hook: Hook) -> None:
    """A listed host may be private, but our own port stays ours: what is sent there arrives nowhere."""
    port = int(hook.server.url.rpartition(":")[2])
    gateway = running(tmp_path, upstream, port=port, jobs={"webhook_hosts": ["127.0.0.1"]})
    with gateway.http(ANNA) as http:
        assert ended(http, hand_over(http, **hook.headers())["id"])["status"] == "succeeded"
    gateway.stop()
    assert not hook.messages


@pytest.mark.parametrize("secret", [b"", b"short", b"whsec_!!!", b"whsec_AAAA", "whsec_ä".encode()])
def test_a_webhook_needs_a_secret_that_can_sign(gateway: RunningGateway, upstream: Upstream, secret: bytes) -> None:
    headers = {b"x-gateway-webhook": b"https://hooks.example.com/", b"x-gateway-webhook-secret": secret}
    with gateway.http(ANNA) as http:
        reply = http.post(CHAT, json=chat(), headers={b"prefer": b"respond-async"} | headers)
    assert reply.status_code == 400 and reply.json()["error"]["param"] == "X-Gateway-Webhook-Secret"
    assert not upstream.requests
