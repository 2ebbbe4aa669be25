"""Live events for the UI: one websocket, or server-sent events where that is not possible.

Messages are `{"type", "data"}`: `hello`, `requests` (what ended and what runs, `api.feed`), `status` (once a second
while it changes), `changed` (what somebody administrated), `catalog` (what a refresh changed), `missed` (how many
messages a slow reader lost).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse

from gateway.api.admin.identity import Person, identify_person, person
from gateway.api.admin.overview import live_status
from gateway.api.hub import Subscription, message
from gateway.api.services import Services, services
from gateway.errors import GatewayError

router = APIRouter(tags=["live"])

_STATUS = 1.0
"""Seconds between looks at what changes all the time."""
_STILL_THERE = 15.0
"""Seconds after which a message goes out in any case, and the session is looked at again."""
_POLICY_VIOLATION = 1008


@router.websocket("/api/admin/live")
async def live(socket: WebSocket) -> None:
    """Authorised by the session, or by the master key."""
    try:
        who = await identify_person(socket, "GET", upgrade=True)
    except GatewayError as error:
        await socket.close(_POLICY_VIOLATION, error.message[:100])
        return
    if who is None:
        await socket.close(_POLICY_VIOLATION, "Log in first.")
        return
    await socket.accept()
    sending = asyncio.ensure_future(_send(socket, who))
    try:
        while True:
            await socket.receive_text()
    except (WebSocketDisconnect, KeyError):
        pass
    finally:
        sending.cancel()
        await asyncio.wait({sending})


@router.get("/api/admin/events", summary="Live events as a stream of server-sent events")
async def events(request: Request, who: Annotated[Person, Depends(person)]) -> StreamingResponse:
    async def lines() -> AsyncIterator[bytes]:
        async for text in _messages(request, who):
            yield b"data: " + text.encode() + b"\n\n"

    headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
    return StreamingResponse(lines(), media_type="text/event-stream", headers=headers)


async def _send(socket: WebSocket, who: Person) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):  # the page has gone in this very moment
        async for text in _messages(socket, who):
            await socket.send_text(text)
        await socket.close(_POLICY_VIOLATION, "The session has ended.")


async def _messages(connection: Request | WebSocket, who: Person) -> AsyncIterator[str]:
    """Until the session ends or its role changes. Administrators see everything, other people their own requests."""
    known = services(connection)
    owner = None if who.role == "admin" else who.record.id if who.record else ""
    with known.hub.subscribed(owner) as subscription:
        yield message("hello", {"role": who.role})
        pulse = _Pulse(known, owner)
        while True:
            told = await _next(subscription)
            if told is not None:
                yield told
            if subscription.missed:
                yield message("missed", subscription.missed)
                subscription.missed = 0
            status = pulse.beat()
            if pulse.is_due and not await _still(who, connection):
                return
            if status is not None:
                yield message("status", status)


async def _still(who: Person, connection: Request | WebSocket) -> bool:
    now = await identify_person(connection, "GET", upgrade=True)
    return now is not None and now.role == who.role


async def _next(subscription: Subscription) -> str | None:
    try:
        return await asyncio.wait_for(subscription.next(), _STATUS)
    except TimeoutError:
        return None


class _Pulse:
    """The status, when it changed since it was last told, and now and then in any case."""

    def __init__(self, known: Services, owner: str | None) -> None:
        self._known, self._owner = known, owner
        self._clock = asyncio.get_running_loop()
        self._told: Any = None
        self._at = self._looked = self._checked = float("-inf")
        self.is_due = False
        """Whether the session is to be looked at, however much there is to tell."""

    def beat(self) -> Any:
        now, self.is_due = self._clock.time(), False
        if now - self._looked < _STATUS:
            return None
        self._looked = now
        status = self._known.hub.seen(_STATUS / 2, self._status) if self._owner is None else {}
        if now - self._checked >= _STILL_THERE:
            self._checked, self.is_due = now, True
        if status == self._told and now - self._at < _STILL_THERE:
            return None
        self._told, self._at = status, now
        return status

    def _status(self) -> Any:
        return live_status(self._known).model_dump(mode="json")
