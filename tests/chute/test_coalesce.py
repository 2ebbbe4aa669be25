"""Events that follow one another quickly travel together, in order, and none is lost."""

import asyncio

import pytest

from gateway.chute import coalesce
from gateway.chute.coalesce import MAX_HELD, Coalescer


class StandingClock:
    """In place of `time`: however long a test is held up, the second event comes right behind the first."""

    def monotonic(self) -> float:
        return 1000.0


class Writes:
    """`gate`: the client that does not read."""

    def __init__(self, gate: asyncio.Event | None = None, error: Exception | None = None) -> None:
        self.seen: list[tuple[bytes, bool]] = []
        self._gate = gate
        self._error = error

    async def __call__(self, text: bytes, more: bool) -> None:
        if self._gate:
            await self._gate.wait()
        if self._error:
            raise self._error
        self.seen.append((text, more))


async def test_the_first_goes_at_once_and_the_quick_ones_together() -> None:
    writes = Writes()
    events = Coalescer(writes, interval=3600)
    for text in (b"1", b"2", b"3"):
        await events.add(text, more=True)
    assert writes.seen == [(b"1", True)]
    await events.add(b"4", more=False)
    assert writes.seen == [(b"1", True), (b"234", False)]


async def test_what_is_held_goes_when_its_time_comes() -> None:
    writes = Writes()
    events = Coalescer(writes, interval=0.01)
    await events.add(b"1", more=True)
    await events.add(b"2", more=True)
    async with asyncio.timeout(5):
        while len(writes.seen) < 2:
            await asyncio.sleep(0.001)
    assert writes.seen == [(b"1", True), (b"2", True)]


async def test_a_client_that_does_not_read_stops_the_writer() -> None:
    gate = asyncio.Event()
    events = Coalescer(Writes(gate), interval=0)
    writer = asyncio.create_task(events.add(b"x" * MAX_HELD, more=True))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(events.add(b"y" * MAX_HELD, more=True))
    await asyncio.sleep(0.01)
    assert not writer.done() and not second.done()
    gate.set()
    await asyncio.gather(writer, second)


async def test_what_a_late_write_raises_comes_out_of_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coalesce, "time", StandingClock())
    writes = Writes()
    events = Coalescer(writes, interval=0.01)
    await events.add(b"1", more=True)
    writes._error = ConnectionResetError()
    await events.add(b"2", more=True)
    await asyncio.sleep(0.05)
    with pytest.raises(ConnectionResetError):
        await events.add(b"3", more=True)


async def test_dropped_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coalesce, "time", StandingClock())
    writes = Writes()
    events = Coalescer(writes, interval=0.01)
    await events.add(b"1", more=True)
    await events.add(b"2", more=True)
    events.drop()
    await asyncio.sleep(0.05)
    assert writes.seen == [(b"1", True)]
