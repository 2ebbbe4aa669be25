"""A kick under a rule: what no call may go to is not started either."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.providers.engines import EngineState
from tests.api.running import RunningGateway
from tests.confidentiality.conftest import LOCAL_KEY, TEE_KEY
from tests.fakes.board import FakeBoard


@pytest.fixture(autouse=True)
def _stopped(board: FakeBoard) -> Iterator[None]:
    board.become("chat", EngineState.STOPPED)
    yield
    board.become("chat", EngineState.READY)


def kick(gateway: RunningGateway, key: str, model: str | None = None, **headers: str) -> httpx.Response:
    with gateway.http(key) as http:
        return http.post("/warmup/kick", json={"model": model}, headers=headers)


def test_a_key_starts_no_engine_that_it_may_not_ask(gateway: RunningGateway, board: FakeBoard) -> None:
    assert kick(gateway, TEE_KEY).status_code == 202
    reply = kick(gateway, TEE_KEY, "loading")
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "confidentiality_unmet")
    assert board.engines["chat"].state == EngineState.STOPPED


def test_a_header_keeps_engines_stopped_too(gateway: RunningGateway, board: FakeBoard) -> None:
    assert kick(gateway, LOCAL_KEY, **{"x-gateway-tee": "required"}).status_code == 202
    assert board.engines["chat"].state == EngineState.STOPPED
    wrong = kick(gateway, LOCAL_KEY, **{"x-gateway-tee": "maybe"})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "x-gateway-tee")


def test_what_it_may_ask_it_starts(gateway: RunningGateway, board: FakeBoard) -> None:
    assert kick(gateway, LOCAL_KEY).status_code == 202
    assert board.engines["chat"].state == EngineState.READY
