"""A cord that is a door into the gateway app. Made by `GatewayChute.gateway_cord`, called by the SDK's route.

The SDK's own handlers run each call in a fresh event loop and cannot answer both ways on one path; overriding
`Cord._request_handler` runs on the server's loop, with pooled connections, cancellation and true streaming.
"""

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from chutes import metrics
from chutes.chute.cord import Cord
from fastapi import Request, Response

from gateway.chute.asgi import ASGIApp, Message, Receive, Scope, Send
from gateway.chute.door import Door, DoorCall, Sink
from gateway.chute.payload import door_call, unwrap
from gateway.chute.replies import CLIENT_GONE, PlainReply, SealedReply
from gateway.errors import GatewayError, InvalidRequest

if TYPE_CHECKING:
    from gateway.chute.chute import GatewayChute

_MISSING: Any = object()


class GatewayCord(Cord):  # type: ignore[misc]
    """Registered with `stream=False, passthrough=True`: both are metadata that make the platform send the query string
    and pick this one cord for streams too. How a reply leaves is decided call by call."""

    def __init__(
        self, chute: "GatewayChute", *, path: str, public_api_path: str, method: str, target: str, **extra: Any
    ) -> None:
        super().__init__(
            chute,
            path=path,
            public_api_path=public_api_path,
            public_api_method=method,
            method=method,
            stream=False,
            passthrough=True,
            **extra,
        )
        self.target = target
        """The gateway path behind this cord."""

    async def _request_handler(self, request: Request) -> Response:
        return _DoorResponse(self, request)

    def app_for(self, request: Request) -> ASGIApp:
        front: ASGIApp = self._app.front
        return front

    @property
    def method(self) -> str:
        return str(self._public_api_method)

    def call_of(self, request: Request) -> DoorCall:
        """Raises GatewayError for what the caller did wrong."""
        chute: GatewayChute = self._app
        chute.refuse_when_stopping()
        decrypted = getattr(request.state, "decrypted", _MISSING)
        if decrypted is _MISSING and chute.on_platform:
            # the SDK lets 127.0.0.1 past its own authentication: whoever that is, it is not the platform's caller
            raise InvalidRequest("This endpoint answers only through the platform.")
        wrapped = hasattr(request.state, "_encrypt")
        body = None if decrypted is _MISSING else decrypted
        payload = unwrap(body, request.query_params, wrapped=wrapped)
        return door_call(self.method, self.target, payload, trusted=chute.trusts(request.scope))

    def sink_for(self, request: Request, send: Send) -> Sink:
        encrypt = getattr(request.state, "_encrypt", None)
        if encrypt is None:
            return PlainReply(send, mapped=self._app.on_platform)
        payload = unwrap(getattr(request.state, "decrypted", None), {}, wrapped=True)
        return SealedReply(send, encrypt, streams=payload.streams)


class _DoorResponse(Response):
    """Does everything in `__call__`: a generator that is never started would never run its clean-up, and a client that
    leaves at the first byte would leave the upstream open."""

    def __init__(self, cord: GatewayCord, request: Request) -> None:
        super().__init__()
        self._cord = cord
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.monotonic()
        status = CLIENT_GONE

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        chute: GatewayChute = self._cord._app
        sink = self._cord.sink_for(self._request, noted)
        try:
            with chute.in_flight:
                call = self._cord.call_of(self._request)
                await Door(self._cord.app_for(self._request), call, sink).run(receive)
        except GatewayError as error:
            await sink.fail(error)
        finally:
            self._count(status, time.monotonic() - started)

    def _count(self, status: int, seconds: float) -> None:
        """The metrics that the SDK's own handlers keep and the platform scrapes."""
        last, total, duration = _metrics(self._cord._app.uid, self._cord._func.__name__, status)
        last.set_to_current_time()
        total.inc()
        duration.observe(seconds)


@lru_cache(1024)
def _metrics(chute_id: str, function: str, status: int) -> tuple[Any, Any, Any]:
    labels = {"chute_id": chute_id, "function": function}
    return (
        metrics.last_request_timestamp.labels(**labels),
        metrics.total_requests.labels(**labels, status=status),
        metrics.request_duration.labels(**labels, status=status),
    )
