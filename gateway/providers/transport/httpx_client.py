"""`Transport` on httpcore, the client inside httpx: for upstreams behind an HTTP proxy or reached over HTTP/2."""

import asyncio
import ipaddress
import ssl
from typing import Any

import httpcore

from gateway.errors import UpstreamTimeout, UpstreamUnreachable
from gateway.providers.base import Via
from gateway.providers.transport.addresses import AddressPolicy, AddressRefused
from gateway.providers.transport.base import HttpRequest
from gateway.providers.transport.httpx_response import HttpxResponse, told
from gateway.providers.transport.lanes import Lane, Lanes, Route
from gateway.providers.transport.url import Target, head_lines, parse_url

DIRECT = Via()
FOREVER = 86_400.0
_CONNECTING = "Connecting to the provider took too long."
_WAITING = "The provider did not answer in time."


class HttpxTransport:
    """Use it from one event loop at a time; met in another loop it starts with no connection there.

    `policy` judges the addresses of providers, or that of the proxy. `tls` replaces the verifying default.
    """

    def __init__(self, policy: AddressPolicy | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._policy = policy or AddressPolicy()
        self._tls = tls
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lanes: Lanes

    async def send(self, request: HttpRequest) -> HttpxResponse:
        via = request.via or DIRECT
        target, sent = _compose(request, via)
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._enter(loop)
        if via.proxy:
            self._judge_literal(target)
        lane = self._lanes.take(Route(target.origin, via, request.engine))
        exchange = _Exchange(loop, lane, request)
        try:
            answer = await exchange.run(sent)
            return HttpxResponse(answer, lane, self._lanes, exchange.first, exchange.end, request.timeouts.idle)
        except BaseException as error:
            failure = told(error, lane, UpstreamTimeout(exchange.silence))
            lane.abort()
            try:
                raise failure from None
            finally:
                del failure  # its traceback holds this frame: without it, only the garbage collector would part them

    async def aclose(self) -> None:
        """Close idle connections; running exchanges end by themselves and are then closed too."""
        if self._loop is not None:
            self._lanes.close()
            self._loop = None

    def idle(self) -> int:
        """Connections kept open for reuse."""
        return self._lanes.idle() if self._loop is not None else 0

    def _enter(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._lanes.close)
        self._loop = loop
        self._lanes = Lanes(loop, self._policy, self._tls)

    def _judge_literal(self, target: Target) -> None:
        """A name is resolved by the proxy, an address we can judge ourselves."""
        try:
            ipaddress.ip_address(target.origin.host)
        except ValueError:
            return
        try:
            self._policy.check(target.origin.host, target.origin.port)
        except AddressRefused as error:
            raise UpstreamUnreachable("The provider's address is not allowed.", upstream=str(error)) from None


class _Exchange:
    """Sends a request and waits for the head of its answer, first by the deadline of connecting, then by its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop, lane: Lane, request: HttpRequest) -> None:
        self._loop = loop
        self._lane = lane
        self._patience = request.patience
        self.end = request.deadline or FOREVER + loop.time()
        self.first = self.end
        self.silence = _CONNECTING
        self._clock = asyncio.timeout_at(min(loop.time() + request.timeouts.connect, self.end))

    async def run(self, request: httpcore.Request) -> httpcore.Response:
        request.extensions["trace"] = self._trace
        try:
            async with self._clock:
                return await self._lane.pool.handle_async_request(request)
        finally:
            del request.extensions["trace"]  # the answer holds the request, and the clock holds who waits for that

    async def _trace(self, name: str, info: dict[str, Any]) -> None:
        """Called by httpcore at each step."""
        if not name.endswith("send_request_headers.started") or info["request"].method == b"CONNECT":
            return
        if self._lane.network.wire is not None:
            self._lane.network.wire.begin()
        if self.silence is _CONNECTING:
            self.silence = _WAITING
            self.first = min(self._loop.time() + self._patience, self.end)
            self._clock.reschedule(self.first)


def _compose(request: HttpRequest, via: Via) -> tuple[Target, httpcore.Request]:
    """Raises `UpstreamUnreachable` for a URL or header that must not be sent; nothing of it is quoted."""
    try:
        target = parse_url(request.url)
        head_lines(request.headers)
    except ValueError as error:
        raise UpstreamUnreachable("The provider's address or headers are not valid.", upstream=str(error)) from None
    headers = [("host", target.host_header), ("accept-encoding", "identity"), ("connection", "close")]
    headers += request.headers.items()
    if request.body or request.method != "GET":
        headers.append(("content-length", str(len(request.body))))
    tls, host, port = target.origin
    url = httpcore.URL(
        scheme="https" if tls else "http",
        host=f"[{host}]" if via.proxy and ":" in host else host,
        port=None if port == (443 if tls else 80) else port,
        target=target.path,
    )
    lines = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return target, httpcore.Request(request.method, url, headers=lines, content=request.body, extensions={})
