"""Messages that become ready at about the same time go out together, in their order, each on its own connection."""

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


async def test_one_message_alone_waits_for_the_end_of_the_round() -> None:
    outbox, wire = Outbox(), Wire()
    outbox.holds = True
    outbox.post(wire, b"one")
    assert not wire.written
    await asyncio.sleep(0)
    assert wire.written == [b"one"]


async def test_messages_wait_as_long_as_every_round_brings_more() -> None:
    outbox, wires = Outbox(), [Wire() for _ in range(5)]
    outbox.holds = True
    outbox.post(wires[0], b"one")
    for wire in wires[1:]:
        outbox.post(wire, b"another")
        await asyncio.sleep(0)
        assert not any(wire.written for wire in wires)
    await asyncio.sleep(0)
    assert [wire.written for wire in wires] == [[b"one"], *[[b"another"]] * 4]


async def test_no_message_waits_long_however_many_come() -> None:
    outbox, first = Outbox(), Wire()
    outbox.holds = True
    outbox.post(first, b"one")
    while not first.written:
        outbox.post(Wire(), b"another")
        await asyncio.sleep(0)


async def test_messages_of_a_connection_keep_their_order() -> None:
    outbox, wire = Outbox(), Wire()
    outbox.holds = True
    outbox.post(wire, b"one")
    outbox.post(wire, b"two")
    outbox.flush()
    assert b"".join(wire.written) == b"onetwo"


async def test_what_waits_for_a_connection_goes_out_before_its_next_answer() -> None:
    outbox, wire, other = Outbox(), Wire(), Wire()
    outbox.holds = True
    outbox.post(wire, b"earlier")
    outbox.settle(other)
    assert not wire.written
    outbox.settle(wire)
    wire.write(b"later")
    await asyncio.sleep(0)
    assert wire.written == [b"earlier", b"later"]


async def test_a_connection_that_closed_meanwhile_keeps_no_other_from_its_message() -> None:
    outbox, gone, other = Outbox(), Wire(), Wire()
    outbox.holds = True
    outbox.post(gone, b"lost")
    outbox.post(other, b"here")
    gone.closed = True
    outbox.flush()
    assert not gone.written and other.written == [b"here"]
