"""uvicorn's HTTP/1.1 connection, in which requests for inference skip ASGI. Installed by `serve`."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from gateway.api.delivery import Delivery, has_hung_up
from gateway.api.direct import DirectExchange
from gateway.api.identity import presented_key
from gateway.api.inference import Inference
from gateway.api.paths import INFERENCE
from gateway.api.plain_head import read_plain_request
from gateway.errors import GatewayError, HeadTooLarge, InvalidRequest, render
from gateway.observe.request_ids import new_request_id
from gateway.providers.transport.outbox import Outbox
from gateway.providers.transport.plain_head import PlainHeads

_PATHS = {path.encode(): path for path in INFERENCE}
_NOT_DIRECT = frozenset({"origin", "upgrade"})
"""Requests with these headers go through ASGI: CORS is a middleware, and upgrades are uvicorn's business."""


_MAX_HEAD = 128 * 1024
_MAX_HEADERS = 200
"""Of one request; browsers and SDKs send some 20."""
_UNHEARD = 0.5
"""Seconds between two looks at a caller from whom nothing is read."""


class GatewayProtocol(HttpToolsProtocol):
    """One connection. `POST` to a path of inference is answered here, everything else by the ASGI app.

    A connection without a whole request head within uvicorn's keep-alive time is closed, be it silent or slow. So is
    one whose head is too large, and one whose caller takes nothing of the answer. Of requests that wait behind another
    there are no more than come in one piece: until they are answered nothing is read.
    """

    _in_head = False
    _in_message = False
    _had_body = False
    _head_bytes = 0
    """Of a head or, behind the last piece of a body, of its trailers."""
    _missing = 0
    """Bytes of the body of a plain request that have not arrived."""
    _answering: Any = None
    """The cycle before those that wait; where none waits, `cycle` is the one."""
    _unheard: asyncio.TimerHandle | None = None

    def __init__(self, inference: Inference, outbox: Outbox, *of_uvicorn: Any, **also: Any) -> None:
        super().__init__(*of_uvicorn, **also)
        self.inference, self.outbox = inference, outbox

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._plain_heads = PlainHeads(read_plain_request)
        self._delivery = Delivery(transport, self.loop, self.inference)
        self._idle_from = self.loop.time()
        self._watch(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._delivery.rest()
        if self._unheard is not None:
            self._unheard.cancel()
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        for cycle in (self._answering, self.cycle):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
                if isinstance(cycle, DirectExchange):
                    cycle.leave()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._delivery.watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._delivery.rest()

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._take(data)
        elif self._in_message or (plain := self._plain_heads.read(data)) is None:
            self._parse(data)
        else:
            (path, key), head = plain
            exchange = DirectExchange(self, path, head.headers, key)
            self._admit(exchange)
            if len(data) == head.size + head.length:
                exchange.feed_whole(data[head.size :])
            else:
                self._missing = head.length
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
        exchange = DirectExchange(self, path, headers, presented_key(headers))
        exchange.keep_alive = self.parser.should_keep_alive()
        self._admit(exchange)

    def _admit(self, exchange: DirectExchange) -> None:
        waits = self.cycle is not None and not self.cycle.response_complete
        if waits:
            self._note_waiting()
        self.cycle = exchange  # type: ignore[assignment]
        if waits:
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, self.app))  # type: ignore[arg-type]
        else:
            self.outbox.settle(self.transport)
            exchange.begin()

    def _note_waiting(self) -> None:
        """Before a request takes its place in the line."""
        if not self.pipeline:
            self._answering = self.cycle
            self._listen_later()

    def _listen_later(self) -> None:
        if self._unheard is not None:
            self._unheard.cancel()
        self._unheard = self.loop.call_later(_UNHEARD, self._listen)

    def _listen(self) -> None:
        """While requests wait nothing is read, and the network does not tell when their caller hangs up."""
        if self.pipeline and has_hung_up(self.transport):
            self.transport.abort()
        elif self.pipeline:
            self._listen_later()

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
        self.outbox.flush()
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
        if self.cycle is not None and not self.cycle.response_complete:
            self._note_waiting()
        else:
            self.outbox.settle(self.transport)
        super().on_message_begin()
        self.scope["gateway.bounded"] = True  # type: ignore[typeddict-unknown-key]
        self.url = url
        self.headers += fields
        self.expect_100_continue = headers.get("expect", "").lower() == "100-continue"
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """From here on it is another protocol's connection, and silence is no fault."""
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        super().handle_websocket_upgrade()

    def shutdown(self) -> None:
        """The gateway stops: an answer that waits for others goes out before the connection ends."""
        self.outbox.flush()
        super().shutdown()

    # --- between answers -----------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        """Called at the end of every answer, whichever front gave it."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._idle_from = self.loop.time()
        if self.pipeline:
            self.outbox.settle(self.transport)
            cycle, app = self.pipeline.pop()
            self._answering = cycle if self.pipeline else None
            task = self.loop.create_task(cycle.run_asgi(app))
            task.add_done_callback(self.tasks.discard)
            self.tasks.add(task)
        if not self.pipeline:
            self.flow.resume_reading()

    def _unset_keepalive_if_required(self) -> None:
        """The one timer runs on and looks at the clock: a timer for every request would cost too much."""

    def timeout_keep_alive_handler(self) -> None:
        """What is left of the last answer may never be taken, and with it the connection would stay."""
        left = self._idle_from + self.timeout_keep_alive - self.loop.time()
        if self.cycle is not None and not self.cycle.response_complete and not self.transport.is_closing():
            left = self.timeout_keep_alive
        if left > 0.001:
            self._watch(left)
        else:
            super().timeout_keep_alive_handler()
            self._delivery.watch()

    def _watch(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)


def protocol_for(inference: Inference, outbox: Outbox) -> type[GatewayProtocol]:
    """For `uvicorn.Config(http=...)`, which makes its protocols itself and takes whatever makes one."""
    return cast(type[GatewayProtocol], partial(GatewayProtocol, inference, outbox))
