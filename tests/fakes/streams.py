"""Reading a `ByteStream` in tests: to its end, or some pieces of it."""

from contextlib import suppress

from gateway.openai_api.call import ByteStream, Enough, Reply


async def pieces_of(stream: ByteStream, found: list[bytes] | None = None) -> list[bytes]:
    """All that is still to come; in `found` also what came before a failure."""
    pieces = found if found is not None else []
    await stream.pour(pieces.extend)
    return pieces


async def first_pieces(stream: ByteStream) -> list[bytes]:
    """Those that come next in one go; the others can still be read."""
    pieces: list[bytes] = []

    def take(some: list[bytes]) -> None:
        pieces.extend(some)
        raise Enough

    with suppress(Enough):
        await stream.pour(take)
    return pieces


async def streamed_pieces(reply: Reply) -> list[bytes]:
    assert not isinstance(reply.body, bytes)
    return await pieces_of(reply.body)
