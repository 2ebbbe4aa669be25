"""Webhooks of jobs: signed with the caller's own secret, sent again after a failure, never to an address inside."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.jobs import ANNA, ASYNC, CHAT, chat, ended, eventually, hand_over, running
from tests.api.running import RunningGateway
from tests.fakes.inbox import KEY, SECRET, Inbox, verified
from tests.fakes.upstream import Upstream
from tests.trust.processes import Served, provider_yaml


@pytest.fixture
def hook() -> Iterator[Inbox]:
    found = Inbox()
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


def told_to(hook: Inbox) -> dict[str, Any]:
    return signed(f"{hook.url}/hook?token=t")


def signed(url: str) -> dict[str, str]:
    return {"x-gateway-webhook": url, "x-gateway-webhook-secret": SECRET}


@pytest.mark.parametrize(("fault", "status"), [("", "succeeded"), ("500", "failed")])
def test_the_end_of_a_job_is_told_and_signed(
    gateway: RunningGateway, upstream: Upstream, hook: Inbox, fault: str, status: str
) -> None:
    upstream.faults["gpt-x"] = fault
    with gateway.http(ANNA) as http:
        id = hand_over(http, **told_to(hook))["id"]
        eventually(lambda: len(hook.messages) == 1)
        (message,) = hook.messages
        told = verified(message)
        assert (message.method, message.path, message.query) == ("POST", "/hook", "token=t")
        assert told["type"] == f"job.{status}" and told["data"] == http.get(f"/v1/jobs/{id}").json()
    assert SECRET not in message.body.decode()
    assert all("webhook" not in name for request in upstream.requests for name in request.headers)


def test_a_receiver_that_fails_is_asked_again_with_the_same_id(gateway: RunningGateway, hook: Inbox) -> None:
    hook.statuses = [500]
    with gateway.http(ANNA) as http:
        hand_over(http, **told_to(hook))
        eventually(lambda: len(hook.messages) == 2)
    assert len({message.headers["webhook-id"] for message in hook.messages}) == 1
    assert all(verified(message)["type"] == "job.succeeded" for message in hook.messages)


@pytest.mark.parametrize("status", [307, 410])
def test_redirects_are_not_followed_and_410_ends_it(gateway: RunningGateway, hook: Inbox, status: int) -> None:
    hook.statuses = [status]
    with gateway.http(ANNA) as http:
        ended(http, hand_over(http, **told_to(hook))["id"])
        eventually(lambda: len(hook.messages) == 1)
        after = hand_over(http, **told_to(hook))
        eventually(lambda: len(hook.messages) == 2)
    assert hook.messages[1].json["data"]["id"] == after["id"]
    assert {message.path for message in hook.messages} == {"/hook"}


def test_who_waited_long_enough_has_the_answer_and_no_message(gateway: RunningGateway, hook: Inbox) -> None:
    with gateway.http(ANNA) as http:
        headers = told_to(hook) | {"prefer": "respond-async, wait=30"}
        assert http.post(CHAT, json=chat(), headers=headers).status_code == 200
        ended(http, hand_over(http, **told_to(hook))["id"])
        eventually(lambda: hook.messages)
    assert len(hook.messages) == 1


def killable(folder: Path, upstream: Upstream) -> Served:
    return Served(folder, yaml=provider_yaml(upstream.url), JOBS_WEBHOOK_HOSTS="127.0.0.1")


def test_the_message_of_a_job_whose_gateway_was_killed_is_sent_by_the_next_one(
    tmp_path: Path, upstream: Upstream, hook: Inbox
) -> None:
    served = killable(tmp_path, upstream)
    served.start()
    upstream.faults["gpt-x"] = "hang"
    with served.http() as http:
        id = hand_over(http, **told_to(hook))["id"]
        eventually(lambda: upstream.requests)
    served.kill()
    kept = b"".join(path.read_bytes() for path in served.state.glob("gateway.db*"))
    assert b"token=t" not in kept and KEY not in kept and KEY.hex().encode() not in kept
    served.start()
    eventually(lambda: hook.messages, 90)
    served.stop()
    told = verified(hook.messages[0])
    assert (told["type"], told["data"]["id"]) == ("job.failed", id)
    assert told["data"]["error"]["code"] == "job_interrupted"
    assert "token=t" not in served.log and SECRET not in served.log


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_message_that_nobody_took_yet_is_sent_after_the_next_start_with_its_id(
    tmp_path: Path, upstream: Upstream, hook: Inbox, end: str
) -> None:
    served = killable(tmp_path, upstream)
    served.start()
    hook.statuses = [500, 500]
    with served.http() as http:
        hand_over(http, **told_to(hook))
        eventually(lambda: len(hook.messages) == 2)
    getattr(served, end)()
    served.start()
    eventually(lambda: len(hook.messages) == 3, 90)
    with served.http() as http:
        hand_over(http, **told_to(hook))
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


def test_the_gateway_is_never_told_itself(tmp_path: Path, upstream: Upstream, hook: Inbox) -> None:
    """A listed host may be private, but our own port stays ours: what is sent there arrives nowhere."""
    port = int(hook.url.rpartition(":")[2])
    gateway = running(tmp_path, upstream, port=port, jobs={"webhook_hosts": ["127.0.0.1"]})
    with gateway.http(ANNA) as http:
        assert ended(http, hand_over(http, **told_to(hook))["id"])["status"] == "succeeded"
    gateway.stop()
    assert not hook.messages


@pytest.mark.parametrize("secret", [b"", b"short", b"whsec_!!!", b"whsec_AAAA", "whsec_ä".encode()])
def test_a_webhook_needs_a_secret_that_can_sign(gateway: RunningGateway, upstream: Upstream, secret: bytes) -> None:
    headers = {b"x-gateway-webhook": b"https://hooks.example.com/", b"x-gateway-webhook-secret": secret}
    with gateway.http(ANNA) as http:
        reply = http.post(CHAT, json=chat(), headers={b"prefer": b"respond-async"} | headers)
    assert reply.status_code == 400 and reply.json()["error"]["param"] == "X-Gateway-Webhook-Secret"
    assert not upstream.requests
