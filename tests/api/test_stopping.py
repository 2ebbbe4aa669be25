"""What callers get when the gateway stops, or when their connection ends, in that very moment."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.providers.transport.outbox import Outbox
from tests.api.running import RunningGateway
from tests.api.test_fronts import Answers, ask, body, connected, head
from tests.fakes.upstream import Upstream
from tests.trust.processes import eventually

STALLED = "fault:stall:2"


@pytest.fixture(params=[True, False], ids=["direct", "asgi"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream) -> Iterator[RunningGateway]:
    main = {"base_url": f"{upstream.url}/v1", "api_key": "sk-up", "models": ["gpt-x", STALLED]}
    running = RunningGateway(tmp_path, direct=request.param, providers={"main": main})
    yield running
    running.stop()


def test_a_stream_that_the_end_of_the_gateway_cuts_says_so(gateway: RunningGateway, upstream: Upstream) -> None:
    tasks = gateway._server.server_state.tasks

    def cancel_all() -> None:
        """As uvicorn does when their time is up."""
        for task in tasks:
            task.cancel()

    with connected(gateway) as connection:
        connection.sendall(ask(body(model=STALLED, stream=True)))
        seen = b""
        while b'"content"' not in seen:
            seen += (piece := connection.recv(65536))
            assert piece, seen
        gateway._loop.call_soon_threadsafe(cancel_all)
        while piece := connection.recv(65536):
            seen += piece
    assert b'"gateway_stopping"' in seen and b"[DONE]" not in seen and not seen.endswith(b"0\r\n\r\n")


class Held(Outbox):
    """Holds the first message for a while, in which `meanwhile` happens; what comes later is written at once."""

    holds = property(lambda outbox: not outbox._held, lambda *_: None)

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self._meanwhile = meanwhile
        self._held = False

    def _schedule(self) -> None:
        self._held = True
        loop = asyncio.get_running_loop()
        loop.call_soon(self._meanwhile)
        loop.call_later(0.2, self.flush)


@pytest.mark.parametrize("gateway", [True], indirect=True, ids=["direct"])
@pytest.mark.parametrize("ending", ["stop", "junk"])
def test_an_answer_that_was_given_goes_out_before_its_connection_ends(gateway: RunningGateway, ending: str) -> None:
    with connected(gateway) as connection:
        eventually(lambda: gateway.connections)
        [served] = gateway.connections
        junk = b"\x00 this is no HTTP\r\n\r\n"
        served.outbox = Held(served.shutdown if ending == "stop" else lambda: served.data_received(junk))
        connection.sendall(ask(body()))
        answers = Answers(connection)
        status, _, content = answers.read()
        assert status == 200 and json.loads(content)["object"] == "chat.completion"
        if ending == "junk":
            assert answers.read()[0] == 400
        assert answers.at_end()


@pytest.mark.parametrize("gateway", [True], indirect=True, ids=["direct"])
@pytest.mark.parametrize("at_once", [True, False], ids=["pipelined", "later"])
@pytest.mark.parametrize(
    ("request_behind", "status"),
    [(ask(body(model="unknown")), 404), (head(method="GET", path="/live"), 200)],
    ids=["inference", "other"],
)
def test_an_answer_that_waits_goes_out_before_that_to_the_next_request(
    gateway: RunningGateway, request_behind: bytes, status: int, at_once: bool
) -> None:
    with connected(gateway) as connection:
        eventually(lambda: gateway.connections)
        [served] = gateway.connections
        served.outbox = Held(lambda: None if at_once else served.data_received(request_behind))
        connection.sendall(ask(body()) + (request_behind if at_once else b""))
        answers = Answers(connection)
        first, second = answers.read(), answers.read()
        assert first[0] == 200 and json.loads(first[2])["object"] == "chat.completion"
        assert second[0] == status
