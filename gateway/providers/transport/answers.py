"""What every `Transport` demands of an answer, whatever client read it."""

from gateway.errors import DeadlinePassed, UpstreamBadResponse, UpstreamTimeout

MAX_HEADERS = 200
MAX_HEADER_BYTES = 64 * 1024
MAX_BARREN = 128 * 1024
"""Bytes that may arrive without one byte of body: heads, interim answers, chunk extensions, trailers."""


def late(*, deadline: bool) -> UpstreamTimeout:
    """Of a stream that is not whole: the request's `deadline` has passed, or its upstream fell silent."""
    if deadline:
        return DeadlinePassed("The request took longer than it may.")
    return UpstreamTimeout("The provider's stream fell silent.")


def judge(status: int, encoded: bool) -> None:
    """Raises for a redirect, and for a success that came compressed although identity was asked for."""
    if 300 <= status < 400:
        raise UpstreamBadResponse("The provider answered with a redirect, which is not followed.")
    if encoded and status < 400:
        raise UpstreamBadResponse("The provider's answer is compressed although that was not asked for.")


def check_length(announced: str | None, limit: int) -> None:
    if announced is not None:
        check_size(int(announced), limit)


def check_size(size: int, limit: int) -> None:
    if size > limit:
        raise UpstreamBadResponse("The provider's answer is too large.")
