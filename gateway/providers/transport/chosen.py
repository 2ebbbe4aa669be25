"""Which `Transport` serves a request: our own client, or httpx where the provider's configuration asks for it."""

from collections.abc import Callable, Coroutine
from typing import Any

from gateway.providers.transport.base import HttpRequest, HttpResponse, Transport


class ChosenTransport:
    """`plain` serves requests without `via`, what `httpx` makes when it is first needed the others. Closes both."""

    def __init__(self, plain: Transport, httpx: Callable[[], Transport]) -> None:
        self._plain = plain
        self._make_httpx = httpx
        self._httpx: Transport | None = None

    def send(self, request: HttpRequest) -> Coroutine[Any, Any, HttpResponse]:
        """Not a coroutine function itself, so that awaiting costs no frame more."""
        if request.via is None:
            return self._plain.send(request)
        if self._httpx is None:
            self._httpx = self._make_httpx()
        return self._httpx.send(request)

    async def aclose(self) -> None:
        await self._plain.aclose()
        if self._httpx is not None:
            await self._httpx.aclose()
