"""The in-process door: what the app sees, what the client gets, and what is left when the client goes."""

import asyncio
import json

import pytest

from gateway.chute import door
from gateway.chute.asgi import Headers
from gateway.chute.door import Door, DoorCall, scope_of
from gateway.errors import GatewayError
from tests.chute.toys import Client, ToyApp


class Sink:
    def __init__(self, client: Client | None = None, gate: asyncio.Event | None = None) -> None:
        self.status = 0
        self.chunks: list[bytes] = []
        self.error: GatewayError | None = None
        self.was_gone = False
        self.ended = False
        self._client = client
        self._gate = gate

    async def start(self, status: int, headers: Headers, body: bytes, more: bool) -> None:
        self.status = status
        await self.chunk(body, more)

    async def chunk(self, body: bytes, more: bool) -> None:
        if self._gate:
            await self._gate.wait()
        self.chunks.append(body)
        self.ended = not more
        if self._client and self._client.leave_after == len(self.chunks):
            self._client.left.set()

    async def fail(self, error: GatewayError) -> None:
        self.error = error

    async def gone(self) -> None:
        self.was_gone = True


def post(**fields: object) -> DoorCall:
    return DoorCall("POST", "/v1/x", body=json.dumps(fields).encode(), trusted=True)


async def through(app: ToyApp, call: DoorCall, client: Client | None = None) -> Sink:
    sink = Sink(client)
    await Door(app, call, sink).run((client or Client()).receive)
    return sink


def test_the_scope_says_who_vouches_and_leaks_no_header_of_the_client() -> None:
    scope = scope_of(DoorCall("POST", "/v1/x", query=b"a=1", body=b"{}", key="sk-1", trusted=True))
    assert scope["gateway.door"] == "chute"
    assert scope["client"] is None
    assert dict(scope["headers"]) == {
        b"host": b"chute",
        b"content-type": b"application/json",
        b"content-length": b"2",
        b"authorization": b"Bearer sk-1",
    }
    assert scope["query_string"] == b"a=1"


def test_an_untrusted_call_carries_no_mark() -> None:
    assert "gateway.door" not in scope_of(DoorCall("GET", "/health"))


async def test_a_whole_reply_passes() -> None:
    sink = await through(ToyApp(), post())
    assert sink.status == 200
    assert sink.ended
    assert json.loads(b"".join(sink.chunks))["text"] == "hällo ✓"


async def test_events_pass_one_by_one() -> None:
    sink = await through(ToyApp(), post(stream=True))
    assert len(sink.chunks) == 3
    assert sink.chunks[-1] == b"data: [DONE]\n\n"


async def test_a_slow_client_slows_the_app() -> None:
    app, gate = ToyApp(), asyncio.Event()
    sink = Sink(gate=gate)
    running = asyncio.create_task(Door(app, post(do="endless"), sink).run(Client().receive))
    await asyncio.sleep(0.05)
    assert sink.chunks == []
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert app.open == 0


@pytest.mark.parametrize("leave_after", [0, 1, 5])
async def test_when_the_client_goes_the_app_ends(leave_after: int) -> None:
    app, client = ToyApp(), Client(leave_after=leave_after)
    sink = await asyncio.wait_for(through(app, post(do="endless", pause=0.001), client), 20)
    assert app.open == 0
    assert app.cancelled == 1
    assert sink.was_gone
    assert sink.error is None


async def test_an_app_that_listens_is_told_before_it_is_cancelled() -> None:
    app = ToyApp()
    await through(app, post(do="polite"), Client(leave_after=0))
    assert (app.told_gone, app.cancelled) == (1, 0)


async def test_a_silent_app_is_cancelled_when_the_client_goes() -> None:
    app = ToyApp()
    await asyncio.wait_for(through(app, post(do="silent"), Client(leave_after=0)), 20)
    assert app.cancelled == 1


@pytest.mark.parametrize("leave_after", [0, 1])
async def test_three_hundred_hang_ups_leave_nothing_open(leave_after: int) -> None:
    app = ToyApp()
    before = len(asyncio.all_tasks())
    calls = (through(app, post(do="endless", pause=0.001), Client(leave_after=leave_after)) for _ in range(300))
    await asyncio.gather(*calls)
    assert app.open == 0
    assert len(asyncio.all_tasks()) == before


async def test_an_app_may_finish_its_work_after_the_last_byte() -> None:
    app, client = ToyApp(), Client(leave_after=1)
    sink = await through(app, post(do="bookkeeping"), client)
    assert (app.cancelled, app.booked, sink.was_gone, sink.error) == (0, 1, False, None)


async def test_a_client_that_stops_reading_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "STALLED", 0.1)
    app = ToyApp()
    sink = Sink(gate=asyncio.Event())
    await asyncio.wait_for(Door(app, post(do="endless"), sink).run(Client().receive), 20)
    assert (app.open, sink.was_gone) == (0, True)


async def test_being_cancelled_cancels_the_app() -> None:
    app = ToyApp()
    running = asyncio.create_task(through(app, post(do="silent")))
    while not app.open:
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (app.open, app.cancelled) == (0, 1)


@pytest.mark.parametrize("do", ["boom", "start_then_boom", "stop_short"])
async def test_an_app_that_breaks_is_never_a_clean_end(do: str) -> None:
    sink = await through(ToyApp(), post(do=do))
    assert sink.error is not None
    assert "secret" not in sink.error.message
    assert not sink.ended
