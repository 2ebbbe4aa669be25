"""Chutes under a rule: what its hosts and its management API say decides, and silence is a no."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.running import RunningGateway
from tests.confidentiality.chutes import IDS, FakeChutes
from tests.confidentiality.conftest import chat

TEE = {"x-gateway-tee": "required"}
Start = Callable[..., httpx.Client]


@pytest.fixture
def chutes() -> Iterator[FakeChutes]:
    made = FakeChutes()
    made.tee = {"inside": True, "outside": False, "vectors": None}
    made.llm.confidential = {"inside": True, "outside": False}
    yield made
    made.close()


@pytest.fixture
def start(chutes: FakeChutes, tmp_path: Path) -> Iterator[Start]:
    """A client of a gateway that has read the catalog."""
    running: list[RunningGateway] = []
    clients: list[httpx.Client] = []

    def begin(*, read: bool = True, **settings: Any) -> httpx.Client:
        values = {
            "chutes_api_key": "cpk_x", "chutes_api_url": chutes.api.url, "chutes_base_url": chutes.llm.url,
            "chutes_max_retries": 0, "chutes_signals": False, **settings,
        }  # fmt: skip
        gateway = RunningGateway(tmp_path, catalog={"refresh": "off"}, **values)
        running.append(gateway)
        clients.append(gateway.http())
        if read:
            learn(clients[0])
        return clients[0]

    yield begin
    for client in clients:
        client.close()
    for gateway in running:
        gateway.stop()


def learn(http: httpx.Client) -> None:
    """The gateway reads what Chutes says now."""
    http.post("/catalog/refresh").raise_for_status()


def code(reply: httpx.Response) -> str:
    return str(reply.json()["error"]["code"])


NAMES = ["chutes/inside", "chutes/inside:THINKING", f"chutes/{IDS['inside']}", IDS["inside"]]
FORBIDDEN = ["chutes/outside", f"chutes/{IDS['outside']}", IDS["outside"], "chutes/unheard", "chutes/outside:latency"]


def test_only_chutes_that_run_inside_are_asked_by_whatever_name(start: Start, chutes: FakeChutes) -> None:
    http = start()
    for name in NAMES:
        assert chat(http, name, TEE).status_code == 200, name
    before = len(chutes.llm.calls)
    for name in FORBIDDEN:
        reply = chat(http, name, TEE)
        assert (reply.status_code, code(reply)) == (403, "confidentiality_unmet"), reply.text
    assert len(chutes.llm.calls) == before and not chutes.own.requests
    assert chat(http, "chutes/outside").status_code == 200


def test_routes_of_the_catalog_obey_too(start: Start, chutes: FakeChutes) -> None:
    http = start(confidentiality={"tee": "required"})
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if {"inside", "outside"} <= {model["id"] for model in http.get("/v1/models").json()["data"]}:
            break
        time.sleep(0.05)
    assert chat(http, "inside").headers["x-gateway-confidentiality"] == "tee"
    assert code(chat(http, "outside")) == "confidentiality_unmet"
    assert "outside of a trusted execution" in chat(http, "outside").text
    reply = chat(http, "outside,inside:latency")
    assert reply.status_code == 200 and reply.headers["x-gateway-attempts"] == "chutes/inside=200"
    assert set(chutes.llm.calls) == {"inside"}


def test_before_the_catalog_was_read_nobody_is_asked(start: Start, chutes: FakeChutes) -> None:
    http = start(read=False)
    reply = chat(http, "chutes/inside", TEE)
    assert code(reply) == "confidentiality_unmet" and "the catalog does not" in reply.json()["error"]["message"]
    assert not chutes.llm.calls


def test_a_chute_that_leaves_is_refused_from_the_next_reading_on(start: Start, chutes: FakeChutes) -> None:
    http = start()
    assert chat(http, "chutes/inside", TEE).status_code == 200
    for said in ({"inside": False}, {"inside": None}, {}):
        chutes.tee = dict(said)
        chutes.llm.confidential = dict(said)
        learn(http)
        assert code(chat(http, "chutes/inside", TEE)) == "confidentiality_unmet", said
    chutes.tee = {"inside": True}
    chutes.llm.confidential = {"inside": False}
    learn(http)
    assert "differs from place to place" in chat(http, "chutes/inside", TEE).text
    assert len(chutes.llm.calls) == 1


def test_what_was_heard_too_long_ago_does_not_count(start: Start, chutes: FakeChutes) -> None:
    http = start(confidentiality={"max_age_minutes": 0.0001})
    time.sleep(0.01)
    reply = chat(http, "chutes/inside", TEE)
    assert "0 min is the most" in reply.text


def test_what_is_found_by_its_name_must_say_that_it_runs_inside(start: Start, chutes: FakeChutes) -> None:
    """A name may lead this account to another chute than the catalog means: the management API has the last word."""
    chutes.tee = {"vectors": True}
    http = start()
    body = {"model": "chutes/vectors", "input": ["a secret"]}

    def embed() -> httpx.Response:
        return http.post("/v1/embeddings", json=body, headers=TEE)

    chutes.tee = {"vectors": False}
    refused = embed()
    assert code(refused) == "confidentiality_unmet" and "chute of this name" in refused.json()["error"]["message"]
    assert not chutes.own.requests


@pytest.mark.parametrize("said", [True, None])
def test_what_is_found_by_its_name_is_asked_on_its_own_host(
    start: Start, chutes: FakeChutes, said: bool | None
) -> None:
    chutes.tee = {"vectors": said}
    http = start()
    body = {"model": "chutes/vectors", "input": ["a secret"]}
    reply = http.post("/v1/embeddings", json=body, headers=TEE)
    assert reply.status_code == (200 if said else 403) and len(chutes.own.requests) == (1 if said else 0)


def test_while_the_management_api_is_silent_no_host_is_guessed(start: Start, chutes: FakeChutes) -> None:
    chutes.tee = {"vectors": True}
    http = start()
    chutes.sold_out = True
    reply = http.post("/v1/embeddings", json={"model": "chutes/vectors", "input": ["a secret"]}, headers=TEE)
    assert code(reply) == "confidentiality_unmet" and not chutes.own.requests


def test_local_only_never_leads_to_chutes(start: Start, chutes: FakeChutes) -> None:
    http = start()
    for name in (*NAMES, *FORBIDDEN):
        assert chat(http, name, {"x-gateway-data": "local-only"}).status_code in (403, 404)
    assert not chutes.llm.calls


def test_a_kick_starts_no_chute_that_runs_outside(start: Start, chutes: FakeChutes) -> None:
    http = start(chutes_signals=True)
    reply = http.post("/warmup/kick", json={"model": "chutes/outside"}, headers=TEE)
    assert code(reply) == "confidentiality_unmet"
    assert http.post("/warmup/kick", json={"model": "chutes/inside"}, headers=TEE).status_code == 202
    kicked = {request.path for request in chutes.api.requests if "/warmup/" in request.path}
    assert not [path for path in kicked if "outside" in path or IDS["outside"] in path]
