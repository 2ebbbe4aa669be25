"""A003-18: requests are counted for each client address, whatever keys are used from there."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.access.addresses import site
from tests.api.running import MASTER, RunningGateway
from tests.fakes.upstream import Upstream

OTHER = "sk-other-0123456789abcdef"
CHAT = {"model": "gpt-x", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
def gateway(tmp_path: Path, upstream: Upstream) -> Iterator[RunningGateway]:
    running = RunningGateway(
        tmp_path,
        providers={"main": {"base_url": upstream.url, "models": ["gpt-x"]}},
        keys=[{"name": "other", "key": OTHER}],
        trusted_proxies=["127.0.0.1"],
        ip_rpm=2,
    )
    yield running
    running.stop()


def ask(http: httpx.Client, address: str, key: str = MASTER) -> httpx.Response:
    headers = {"x-forwarded-for": address, "authorization": f"Bearer {key}"}
    return http.post("/v1/chat/completions", json=CHAT, headers=headers)


def test_one_address_shares_its_limit_and_others_have_their_own(gateway: RunningGateway) -> None:
    with gateway.http() as http:
        assert ask(http, "192.0.2.1").status_code == 200
        assert ask(http, "192.0.2.1", OTHER).status_code == 200
        refused = ask(http, "192.0.2.1", OTHER)
        assert refused.status_code == 429 and int(refused.headers["retry-after"]) <= 61
        error = refused.json()["error"]
        assert error["code"] == "rate_limit_exceeded" and error["message"].startswith("Rate limit exceeded: this addr")
        assert ask(http, "192.0.2.2").status_code == 200


def test_the_network_of_one_customer_is_one_address(gateway: RunningGateway) -> None:
    with gateway.http() as http:
        answers = [ask(http, f"2001:db8:1:2::{n}").status_code for n in (1, 2, 3)]
        assert answers == [200, 200, 429]
        assert ask(http, "2001:db8:1:3::1").status_code == 200


def test_a_list_of_models_is_never_limited(gateway: RunningGateway) -> None:
    with gateway.http() as http:
        assert [http.get("/v1/models").status_code for _ in range(4)] == [200] * 4


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("no address", "no address"),
    ],
)
def test_places(address: str, place: str) -> None:
    assert site(address) == place
