"""One network connection for httpcore: what its own back ends do, with a bound on bytes that are no body, and a close
that does not wait."""

import asyncio
import ssl
from typing import Any, cast

import httpcore

from gateway.providers.transport.answers import MAX_BARREN
from gateway.providers.transport.peek import Peek

HIGH_WATER = 256 * 1024
"""Bytes held unread before the socket is left alone."""
WRITE_PIECE = 256 * 1024


class CertificateRefused(httpcore.ConnectError):
    """The other side's certificate could not be verified."""


class Wire(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """Serves one exchange at a time. The timeouts of httpcore are not kept here: deadlines are set around it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._buffer = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._error: Exception | None = None
        self._reading_paused = self._writing_paused = False
        self.http2 = False
        self._barren = 0
        self.ended = False
        self.begun = False
        """A request has been sent, beside one to the proxy."""
        self.answered = False
        """Something has arrived since then."""

    def begin(self) -> None:
        """A request is about to be sent."""
        self.begun = True
        self.answered = False
        self._barren = 0

    def fruitful(self) -> None:
        """Some body came of the bytes so far."""
        self._barren = 0

    def quiet(self) -> bool:
        """Open, and nothing unread in it or in the kernel."""
        return not (self.ended or self._buffer or self._peek.events())

    def abort(self) -> None:
        self.ended = True
        self._buffer.clear()
        self._transport.abort()
        self._wake()

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._peek = Peek(transport.get_extra_info("socket").fileno())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > HIGH_WATER and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self.ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self._error = self._error or exc
        self._wake()

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._wake()

    # --- httpcore.AsyncNetworkStream ---

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while not self._buffer and not self.ended:
            await self._wait()
        if not self._buffer and self._error is not None:
            raise httpcore.ReadError(str(self._error))
        data = bytes(self._buffer[:max_bytes])
        del self._buffer[:max_bytes]
        if data and not self.answered:
            self.answered = True
            if not self.http2 and not b"HTTP/".startswith(data[:5]):
                raise httpcore.RemoteProtocolError("the answer does not begin as HTTP does")
        self._barren += len(data)
        if self._barren > MAX_BARREN:
            raise httpcore.RemoteProtocolError("too many bytes without a body")
        if self._reading_paused and not self._buffer:
            self._reading_paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """In HTTP/1.1, httpcore takes `WriteError` as reason to read: an answer that comes first ends the sending. In
        HTTP/2 it would give up an answer that is there already, so what cannot be sent is dropped."""
        view = memoryview(buffer)
        for start in range(0, len(view), WRITE_PIECE):
            if self.ended or self._transport.is_closing():
                if self.http2:
                    return
                raise httpcore.WriteError("the connection is closed")
            self._transport.write(view[start : start + WRITE_PIECE])
            while self._writing_paused and not self.ended:
                if self._buffer and not self.http2:
                    raise httpcore.WriteError("the answer came before the request was sent")
                await self._wait()

    async def aclose(self) -> None:
        self.abort()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        if self._buffer:
            raise httpcore.ConnectError("the other side spoke before TLS had begun")
        try:
            upgraded = await self._loop.start_tls(self._transport, self, ssl_context, server_hostname=server_hostname)
        except ssl.SSLCertVerificationError as error:
            raise CertificateRefused(error.verify_message) from None
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        if upgraded is None:
            raise httpcore.ConnectError("the connection was closed before TLS had begun")
        self._transport = upgraded
        self.http2 = upgraded.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        return self

    def get_extra_info(self, info: str) -> Any:
        return (bool(self._buffer) or self.ended) if info == "is_readable" else self._transport.get_extra_info(info)

    # --- inside ---

    async def _wait(self) -> None:
        self._waiter = waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
