"""Messages of one round of the loop go out together, in their order, each on its own connection."""

import asyncio

from gateway.providers.transport.outbox import Outbox


class Wire(asyncio.Transport):
    """Notes what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed


async def test_a_message_goes_out_at_once_where_little_goes_on() -> None:
    outbox, wire = Outbox(), Wire()
    outbox.post(wire, b"one")
    assert wire.written == [b"one"]


async def test_messages_are_held_until_the_end_of_the_round() -> None:
    outbox, first, second = Outbox(), Wire(), Wire()
    outbox.holds = True
    outbox.post(first, b"one")
    outbox.post(second, b"two")
    outbox.post(first, b"three")
    assert not first.written and not second.written
    await asyncio.sleep(0)
    assert first.written == [b"one", b"three"] and second.written == [b"two"]
    outbox.post(first, b"four")
    await asyncio.sleep(0)
    assert first.written == [b"one", b"three", b"four"]


async def test_what_is_written_later_on_a_connection_stays_behind_it() -> None:
    outbox, wire = Outbox(), Wire()
    outbox.holds = True

    async def write_next() -> None:
        wire.write(b"later")

    outbox.post(wire, b"earlier")
    await asyncio.create_task(write_next())
    assert wire.written == [b"earlier", b"later"]


async def test_a_connection_that_closed_meanwhile_keeps_no_other_from_its_message() -> None:
    outbox, gone, other = Outbox(), Wire(), Wire()
    outbox.holds = True
    outbox.post(gone, b"lost")
    outbox.post(other, b"here")
    gone.closed = True
    await asyncio.sleep(0)
    assert not gone.written and other.written == [b"here"]
