"""What one key holder, or a provider, can do to the others: read what is theirs, or loosen what holds for them."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.access.counters.shared import SharedCounters
from tests.api.conftest import recorded
from tests.api.running import RunningGateway
from tests.fakes.upstream import Upstream
from tests.trust.processes import chat_body, eventually

OFFICE = "192.0.2.7"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, upstream_server: Upstream) -> Iterator[RunningGateway]:
    running = RunningGateway(
        tmp_path_factory.mktemp("tenants"),
        providers={"main": {"base_url": f"{upstream_server.url}/v1", "api_key": "sk-up-0123456789"}},
        models={"gpt-x": {"provider": "main", "model": "gpt-x"}, "dear": {"provider": "main", "model": "gpt-x"}},
        prices={"main/gpt-x": {"input": 1000, "output": 1000}},
        trusted_proxies=["127.0.0.1"],
        cache={"enabled": True},
        workers=2,
    )
    yield running
    running.stop()


@pytest.fixture
def admin(gateway: RunningGateway, upstream: Upstream) -> Iterator[httpx.Client]:
    gateway.app.state.dispatcher.vitals.clear()
    with gateway.http() as client:
        yield client


def new_key(admin: httpx.Client, **fields: Any) -> dict[str, str]:
    """The headers with which it is used."""
    made = admin.post("/api/admin/apikeys", json=fields)
    assert made.status_code == 201, made.text
    return {"authorization": f"Bearer {made.json()['key']}"}


def test_a_key_with_the_name_of_another_reads_nothing_of_its_requests(admin: httpx.Client) -> None:
    mine, namesake, master = (new_key(admin, name=name) for name in ("ann", "ann", "master"))
    asked = admin.post("/v1/chat/completions", json=chat_body(), headers=mine)
    assert asked.status_code == 200, asked.text
    of_mine = f"/v1/route/requests/{asked.headers['x-request-id']}"
    assert admin.get(of_mine, headers=mine).status_code == 200
    assert admin.get(of_mine, headers=namesake).status_code == 404
    asked = admin.post("/v1/chat/completions", json=chat_body())
    assert admin.get(f"/v1/route/requests/{asked.headers['x-request-id']}", headers=master).status_code == 404


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/models"), ("POST", "/v1/chat/completions")])
def test_an_address_that_a_client_writes_itself_opens_no_key_of_an_office(
    admin: httpx.Client, method: str, path: str
) -> None:
    """Some proxies add a field of their own to that of the client, instead of a word to it."""
    key = new_key(admin, name="office", allowed_ips=[OFFICE])["authorization"]
    fields = [("authorization", key), ("x-forwarded-for", OFFICE), ("x-forwarded-for", "198.51.100.1")]
    assert admin.request(method, path, headers=fields, json=chat_body()).status_code == 403
    fields[1:] = reversed(fields[1:])
    assert admin.request(method, path, headers=fields, json=chat_body()).status_code == 200


def test_an_answer_with_thoughts_is_not_given_to_who_asks_without(admin: httpx.Client) -> None:
    fields = {"x-gateway-cache": "on"}
    found = [
        admin.post("/v1/chat/completions", json=chat_body(model=model), headers=fields).headers["x-gateway-cache"]
        for model in ("dear:THINKING", "dear", "dear:THINKING", "dear")
    ]
    assert found == ["miss", "miss", "hit", "hit"]


@pytest.mark.parametrize("told", [10**10, 2**63, 10**30])
def test_a_provider_that_tells_of_endless_tokens_costs_its_caller_an_estimate(
    gateway: RunningGateway, admin: httpx.Client, upstream: Upstream, told: int
) -> None:
    """And all processes still count together."""
    key = new_key(admin, name="limited", tpm=10**6, budget_usd=100)
    said = {"prompt_tokens": 1, "completion_tokens": told, "total_tokens": told}
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    upstream.canned["/v1/chat/completions"] = {"id": "x", "choices": [choice], "usage": said}
    asked = admin.post("/v1/chat/completions", json=chat_body(model="dear"), headers=key)
    assert asked.status_code == 200
    assert recorded(admin, asked.headers["x-request-id"])["output_tokens"] is None
    upstream.canned.clear()
    assert admin.post("/v1/chat/completions", json=chat_body(model="dear"), headers=key).status_code == 200
    counters = gateway.app.state.counters
    assert isinstance(counters, SharedCounters)
    eventually(lambda: counters.note == "")  # on a busy machine it may have counted alone for a moment
