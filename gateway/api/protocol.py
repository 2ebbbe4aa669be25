"""uvicorn's HTTP/1.1 connection, in which requests for inference skip ASGI. Installed by `serve`."""

import asyncio
from collections.abc import Mapping
from typing import cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from gateway.api.direct import DirectExchange
from gateway.api.inference import Inference
from gateway.api.paths import INFERENCE
from gateway.api.plain_head import PlainRequests
from gateway.errors import GatewayError, HeadTooLarge, InvalidRequest, render
from gateway.observe.request_ids import new_request_id
from gateway.providers.transport.outbox import Outbox

_PATHS = {path.encode(): path for path in INFERENCE}
_NOT_DIRECT = frozenset({"origin", "upgrade"})
"""Requests with these headers go through ASGI: CORS is a middleware, and upgrades are uvicorn's business."""


_MAX_HEAD = 128 * 1024
_MAX_HEADERS = 200
"""Of one request; browsers and SDKs send some 20."""


class GatewayProtocol(HttpToolsProtocol):
    """One connection. `POST` to a path of inference is answered here, everything else by the ASGI app.

    A connection without a whole request head within uvicorn's keep-alive time is closed, be it silent or slow. So is
    one whose head is too large.
    """

    _in_head = False
    _in_message = False
    _had_body = False
    _head_bytes = 0
    """Of a head or, behind the last piece of a body, of its trailers."""
    _missing = 0
    """Bytes of the body of a plain request that have not arrived."""

    inference: Inference
    outbox: Outbox
    """Both set by `protocol_for`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._plain_requests = PlainRequests()
        self._idle_from = self.loop.time()
        self._watch(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        if isinstance(self.cycle, DirectExchange):
            self.cycle.leave()

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._take(data)
        elif self._in_message or (plain := self._plain_requests.read(data)) is None:
            self._parse(data)
        else:
            path, head = plain
            self._missing = head.length
            self._admit(DirectExchange(self, path, head.headers, keep_alive=True))
            self._take(data[head.size :])

    def _take(self, data: bytes) -> None:
        """Of the body of a plain request. Requests behind it in the same piece, however many, are the parser's."""
        exchange, size = cast(DirectExchange, self.cycle), self._missing
        self._missing = max(0, size - len(data))
        if data:
            exchange.feed(data if len(data) <= size else data[:size])
        if not self._missing:
            exchange.feed_end()
        if len(data) > size:
            self._parse(data[size:])

    def _parse(self, data: bytes) -> None:
        self._had_body = False
        super().data_received(data)
        if self._in_message and not self._had_body:
            self._head_bytes += len(data)
            if self._head_bytes > _MAX_HEAD:
                self._refuse_head()

    # --- what httptools found ------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._in_head, self._in_message, self._head_bytes = True, True, 0
        self.url = b""
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """Trailers are left out: whatever stands before us has not looked at them."""
        if self._in_head:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        if self.transport.is_closing():
            return
        if len(self.headers) > _MAX_HEADERS:
            self._refuse_head()
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.headers}
        path = _PATHS.get(self.url)
        if path is None or not self._is_direct(headers):
            self._leave_to_uvicorn(headers)
            return
        self._admit(DirectExchange(self, path, headers, keep_alive=self.parser.should_keep_alive()))

    def _admit(self, exchange: DirectExchange) -> None:
        waits = self.cycle is not None and not self.cycle.response_complete
        self.cycle = exchange  # type: ignore[assignment]
        if waits:
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, self.app))  # type: ignore[arg-type]
        else:
            exchange.begin()

    def on_body(self, body: bytes) -> None:
        self._had_body, self._head_bytes = True, 0
        if isinstance(self.cycle, DirectExchange):
            self.cycle.feed(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_message = False
        if isinstance(self.cycle, DirectExchange):
            self.cycle.feed_end()
        else:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Instead of uvicorn's, which is plain text."""
        self._refuse(InvalidRequest("This is no valid HTTP/1.1 request.", code="invalid_http"))

    def _refuse_head(self) -> None:
        self._refuse(HeadTooLarge(f"The headers exceed {_MAX_HEAD // 1024} kB or {_MAX_HEADERS} fields."))

    def _refuse(self, error: GatewayError) -> None:
        """Behind a request whose answer is still on its way there is no place for one of its own: the connection ends
        with that. What is wrong in the middle of a body ends it at once."""
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            status, headers, body = render(error, new_request_id())
            lines = [*headers, ("content-length", str(len(body))), ("connection", "close")]
            head = "".join(f"{name}: {value}\r\n" for name, value in lines)
            self.transport.write(STATUS_LINE[status] + head.encode("latin-1") + b"\r\n" + body)
        elif self._in_head or not self._in_message:
            self.cycle.keep_alive = False
            return
        self.transport.close()

    def _is_direct(self, headers: Mapping[str, str]) -> bool:
        parser = self.parser
        return parser.get_method() == b"POST" and parser.get_http_version() == "1.1" and _NOT_DIRECT.isdisjoint(headers)

    def _leave_to_uvicorn(self, headers: Mapping[str, str]) -> None:
        """Makes up for what uvicorn does when a message begins, before anybody knows whose it is."""
        url, fields = self.url, self.headers
        super().on_message_begin()
        self.url = url
        self.headers += fields
        self.expect_100_continue = headers.get("expect", "").lower() == "100-continue"
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """From here on it is another protocol's connection, and silence is no fault."""
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        super().handle_websocket_upgrade()

    # --- between answers -----------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        """Called at the end of every answer, whichever front gave it."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._idle_from = self.loop.time()
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            task = self.loop.create_task(cycle.run_asgi(app))
            task.add_done_callback(self.tasks.discard)
            self.tasks.add(task)

    def _unset_keepalive_if_required(self) -> None:
        """The one timer runs on and looks at the clock: a timer for every request would cost too much."""

    def timeout_keep_alive_handler(self) -> None:
        left = self._idle_from + self.timeout_keep_alive - self.loop.time()
        if self.cycle is not None and not self.cycle.response_complete:
            left = self.timeout_keep_alive
        if left > 0.001:
            self._watch(left)
        else:
            super().timeout_keep_alive_handler()

    def _watch(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)


def protocol_for(inference: Inference, outbox: Outbox) -> type[GatewayProtocol]:
    """For `uvicorn.Config(http=...)`, which makes its protocols itself."""
    return type("GatewayProtocol", (GatewayProtocol,), {"inference": inference, "outbox": outbox})
