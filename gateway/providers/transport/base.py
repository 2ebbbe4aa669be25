"""`Transport`: one HTTP exchange with an upstream. Adapters know nothing else of the network."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec

from gateway.providers.base import Timeouts, Via


class HttpRequest(msgspec.Struct, eq=False):
    """`headers` hold credentials: never logged."""

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes = b""
    timeouts: Timeouts = Timeouts()
    deadline: float | None = None
    """`time.monotonic()` by which the whole exchange must be over, however lively it is."""
    engine: bool = False
    """The address is one of our own engines: loopback is allowed for it."""
    streams: bool = False
    """The answer is asked for as a stream."""
    via: Via | None = None
    """None: by our own client."""

    @property
    def patience(self) -> float:
        """Seconds until the first byte of a stream, or for the whole of any other answer."""
        return self.timeouts.first_byte if self.streams else self.timeouts.whole

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {self.url})"


UNSENT = "unsent"
"""What a task's CancelledError says where nothing was sent yet: whoever was to be asked has not heard of it."""

TakeBody = Callable[[bytes], Awaitable[None] | None]
"""Takes bytes that have arrived, at least one; what it returns is awaited before it gets more."""


class HttpResponse(Protocol):
    """Status and headers are there; the body is still to come. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    idle: float
    """Seconds of silence that `pour` bears after the first piece; may be changed on the way."""

    async def read(self, limit: int) -> bytes:
        """The whole body, identity-decoded. Raises `UpstreamBadResponse` past `limit` bytes, when it is cut, or
        shorter than announced; `UpstreamTimeout` past the request's `patience`. Releases the connection."""
        ...

    async def pour(self, take: TakeBody) -> None:
        """Hands the body to `take` in pieces as they come. Raises `UpstreamBadResponse` when cut, `UpstreamTimeout`
        when idle, and what `take` raises; after its `Enough` the rest can still be poured, else it is closed."""
        ...

    async def drain(self, seconds: float) -> None:
        """The reader has all it wants: keep the connection if the body ends within `seconds`, else close it. Raises
        nothing."""
        ...

    async def aclose(self) -> None:
        """Stop: closes the connection unless the body was read to its end. Safe at any time, twice too."""
        ...


class Transport(Protocol):
    """Raises `UpstreamUnreachable` (refused, reset, bad certificate) and `UpstreamTimeout`. Never follows redirects,
    keeps no cookies, asks for identity encoding, verifies certificates. Cancelling closes the connection at once."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Returns when status and headers have arrived."""
        ...

    async def aclose(self) -> None: ...
