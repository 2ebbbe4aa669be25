"""What the httpx transport makes of httpcore's answers and failures."""

import asyncio
from collections.abc import Mapping

import httpcore

from gateway.errors import GatewayError, UpstreamBadResponse, UpstreamTimeout, UpstreamUnreachable
from gateway.openai_api.call import Enough
from gateway.providers.transport.addresses import AddressRefused
from gateway.providers.transport.answers import MAX_HEADER_BYTES, MAX_HEADERS, check_length, check_size, judge, late
from gateway.providers.transport.base import TakeBody
from gateway.providers.transport.lanes import Lane, Lanes
from gateway.providers.transport.wire import CertificateRefused

_VERSIONS = frozenset({b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2"})


class HttpxResponse:
    """An `HttpResponse`. Lets go of its lane exactly once: given back when read to the end, else closed."""

    __slots__ = ("_answer", "_body", "_end", "_first", "_lane", "_lanes", "_started", "headers", "idle", "status")

    def __init__(
        self, answer: httpcore.Response, lane: Lane, lanes: Lanes, first: float, end: float, idle: float
    ) -> None:
        """Raises `UpstreamBadResponse` for a head that no answer may have; the lane stays with the caller then."""
        self._lane: Lane | None = None
        self._lanes = lanes
        self._answer = answer
        self._first = first
        self._end = end
        self.idle = idle
        self._started = False
        self.status = answer.status
        self.headers: Mapping[str, str] = _headers(answer, bool(lane.route.via.proxy))
        judge(self.status, self._encoded())
        self._body = aiter(answer.stream)  # type: ignore[arg-type]
        self._lane = lane

    async def read(self, limit: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            if self._lane is not None:
                check_length(self.headers.get("content-length"), limit)
            while data := await self._next(self._first, UpstreamTimeout("The provider's answer took too long.")):
                size += len(data)
                check_size(size, limit)
                parts.append(data)
        except BaseException:
            self._close()
            raise
        return b"".join(parts)

    async def pour(self, take: TakeBody) -> None:
        try:
            while data := await self._next(*self._until()):
                self._started = True
                if (waiting := take(data)) is not None:
                    await waiting
        except Enough:
            raise
        except BaseException:
            self._close()
            raise

    def _until(self) -> tuple[float, UpstreamTimeout]:
        """The deadline of the next piece, and what it means."""
        if not self._started:
            return self._first, late(deadline=False)
        silent = asyncio.get_running_loop().time() + self.idle
        return min(silent, self._end), late(deadline=self._end < silent)

    async def drain(self, seconds: float) -> None:
        try:
            await self._next(asyncio.get_running_loop().time() + seconds, late(deadline=False))
        except GatewayError:
            return
        self._close()

    async def aclose(self) -> None:
        self._close()

    def __del__(self) -> None:
        """An answer that nobody took, say because its task was cancelled in that very moment, is stopped too."""
        if self._lane is not None:
            self._lanes.abandon(self._lane)

    def _encoded(self) -> bool:
        return self.headers.get("content-encoding", "identity").lower() != "identity"

    async def _next(self, deadline: float, overdue: UpstreamTimeout) -> bytes:
        """The next piece of the body; empty at its end, with the lane given back, and after a close."""
        lane = self._lane
        if lane is None:
            return b""
        try:
            async with asyncio.timeout_at(deadline):
                piece = await self._piece()
            if piece:
                lane.fruitful()
                return piece
            await self._give_back(lane)
        except BaseException as error:
            failure = told(error, lane, overdue, headed=True)
            self._close()
            try:
                raise failure from None
            finally:
                del failure  # its traceback holds this frame: without it, only the garbage collector would part them
        return b""

    async def _piece(self) -> bytes:
        """A compressed body is not for anybody: it counts as empty."""
        if not self._encoded():
            async for piece in self._body:
                if piece:
                    return piece
        return b""

    async def _give_back(self, lane: Lane) -> None:
        if self._answer.extensions["http_version"] != b"HTTP/2" or self._encoded():
            self._close()
            return
        await self._answer.aclose()
        self._lane = None
        self._lanes.give(lane)

    def _close(self) -> None:
        lane, self._lane = self._lane, None
        if lane is not None:
            lane.abort()


def told(error: BaseException, lane: Lane, overdue: UpstreamTimeout, *, headed: bool = False) -> BaseException:
    """Our error for one of httpcore's. `overdue` is what a passed deadline means, `headed` that the head had come."""
    wire = lane.network.wire
    if isinstance(error, TimeoutError):
        return overdue
    if isinstance(error, GatewayError) or not isinstance(error, Exception):
        return error
    _let_go_of_frames(error)
    if isinstance(error, AddressRefused):
        return UpstreamUnreachable("The provider's address is not allowed.", upstream=str(error))
    if isinstance(error, CertificateRefused):
        return UpstreamUnreachable("The provider's certificate could not be verified.", upstream=str(error))
    if isinstance(error, httpcore.ProxyError):
        return UpstreamUnreachable("The provider's proxy refused to connect to it.", upstream=str(error))
    if isinstance(error, httpcore.ConnectError) or wire is None or not wire.begun:
        return UpstreamUnreachable("Could not connect to the provider.", upstream=str(error))
    if not headed and wire.ended and (wire.http2 or not wire.answered):
        return UpstreamUnreachable("The provider closed the connection without an answer.", upstream=str(error))
    return UpstreamBadResponse("The provider's answer was cut off or is not valid HTTP.", upstream=str(error))


def _let_go_of_frames(error: BaseException | None) -> None:
    """httpcore maps h11's errors in a context manager, whose frame holds the error that holds the frame: without the
    traceback in between, not only the garbage collector parts them."""
    while error is not None:
        error.__traceback__ = None
        error = error.__context__


def _headers(answer: httpcore.Response, proxied: bool) -> dict[str, str]:
    """By lower-case name, repeated ones joined. Raises for a head that no answer may have."""
    size = sum(len(name) + len(value) + 4 for name, value in answer.headers)
    if size > MAX_HEADER_BYTES or len(answer.headers) > MAX_HEADERS:
        raise UpstreamBadResponse("The provider's answer has too large a header.")
    if answer.extensions["http_version"] not in _VERSIONS or not 200 <= answer.status <= 599:
        raise UpstreamBadResponse("The provider's answer is not valid HTTP.")
    if proxied and answer.status == 407:
        raise UpstreamUnreachable("The provider's proxy refused the gateway's credentials.")
    headers: dict[str, str] = {}
    for raw_name, raw_value in answer.headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if "transfer-encoding" in headers and "content-length" in headers:
        raise UpstreamBadResponse("The provider's answer has two lengths.")
    return headers
