"""Which `Transport` serves a request: our own client, or httpx where the provider's configuration asks for it."""

from collections.abc import Coroutine
from typing import Any

from gateway.providers.transport.base import HttpRequest, HttpResponse, Transport


class ChosenTransport:
    """`plain` serves requests without `via`, `httpx` the others. Closes both."""

    def __init__(self, plain: Transport, httpx: Transport) -> None:
        self._plain = plain
        self._httpx = httpx

    def send(self, request: HttpRequest) -> Coroutine[Any, Any, HttpResponse]:
        """Not a coroutine function itself, so that awaiting costs no frame more."""
        return (self._plain if request.via is None else self._httpx).send(request)

    async def aclose(self) -> None:
        await self._plain.aclose()
        await self._httpx.aclose()
