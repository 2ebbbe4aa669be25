"""`LatePages`: what FastAPI serves, built when the first request for it comes; a gateway that only infers never loads
it. Health checks are answered without it. Made by the app."""

import asyncio
from collections.abc import Callable

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.api.health import CHECKS
from gateway.observe.request_ids import new_request_id
from gateway.state import State

_CHECKED = frozenset({"GET", "HEAD"})
"""Balancers and monitors ask with either; the server leaves out what HEAD does not want."""


class LatePages:
    """`make` runs in a thread, once; it imports what it needs. Requests meanwhile wait for it, inference does not."""

    def __init__(self, state: State, make: Callable[[], ASGIApp]) -> None:
        self._state, self._make = state, make
        self._made: ASGIApp | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in _CHECKED and (check := CHECKS.get(scope["path"])):
            status, body = check(self._state)
            headers = {"x-request-id": new_request_id()}
            await JSONResponse(body, status, headers)(scope, receive, send)
        else:
            await (self._made or await self._all())(scope, receive, send)

    async def _all(self) -> ASGIApp:
        async with self._making:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
            return self._made
