"""`RequestFeed`: requests as they begin and end, for the pages that are open. Made by the back office.

However many requests there are, a page gets a few messages a second, each bounded: rows past the bound are counted.
While no page is open the request path pays one look at `State.watcher`.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Sequence
from importlib import import_module
from itertools import islice
from typing import Any

import msgspec

from gateway.api.hub import Hub
from gateway.pipeline.account import Account, tried
from gateway.state import State
from gateway.usage.types import UsageRow

EVERY = 0.25
"""Seconds between two messages, at least."""
_STILL = 1.0
"""Seconds between messages while requests run that neither begin nor end: their tries may go on."""
_SHOWN = 50
"""Rows of a message: of those that ended the newest, of those that run the oldest."""
_KEPT = 5_000
"""Running requests remembered at most; the oldest are forgotten first."""


class _Ended:
    """What ended since the last message, for one audience: the newest rows, and how many there were."""

    __slots__ = ("count", "rows")

    def __init__(self) -> None:
        self.rows: deque[UsageRow] = deque(maxlen=_SHOWN)
        self.count = 0

    def add(self, row: UsageRow) -> None:
        self.rows.append(row)
        self.count += 1


class RequestFeed:
    """For use on one event loop. Running requests are noted for `grace` seconds more when the last page has closed, so
    that a page that is loaded again finds them."""

    def __init__(self, hub: Hub, state: State, grace: float = 30.0) -> None:
        self._hub, self._state, self._grace = hub, state, grace
        self._forgetting: asyncio.TimerHandle | None = None
        self._running: dict[str, Account] = {}
        self._ended: dict[str | None, _Ended] = {}
        self._busy: set[str | None] = set()
        self._told = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._is_due = False
        hub.on_watched = self._watch

    def end(self, rows: Sequence[UsageRow]) -> None:
        """A listener of the recorder."""
        if self._state.watcher is None:
            return
        for row in rows:
            self._running.pop(row.request_id, None)
            for audience in {None, row.user_id or None}:
                self._ended.setdefault(audience, _Ended()).add(row)
        self._soon()

    def _watch(self, watched: bool) -> None:
        if self._forgetting is not None:
            self._forgetting.cancel()
            self._forgetting = None
        if watched:
            self._state.watcher = self._begin
            self._soon()
        else:
            self._forgetting = asyncio.get_running_loop().call_later(self._grace, self._forget)

    def _forget(self) -> None:
        self._state.watcher = None
        self._running.clear()
        self._ended.clear()

    def _begin(self, account: Account) -> None:
        """Called by the pipeline when the route of a request is known."""
        assert account.call is not None
        running = self._running
        running[account.call.request_id] = account
        if len(running) > _KEPT:
            del running[next(iter(running))]
        self._soon()

    def _soon(self) -> None:
        """A message as soon as one may go out."""
        if self._is_due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._is_due = True
        wait = max(0.0, self._told + EVERY - time.monotonic())
        self._timer = asyncio.get_running_loop().call_later(wait, self._tell)

    def _tell(self) -> None:
        self._timer, self._told, self._is_due = None, time.monotonic(), False
        ended, self._ended = self._ended, {}
        busy, self._busy = self._busy, set()
        for audience in self._hub.audiences:
            self._tell_one(audience, ended.get(audience), audience in busy)
        if self._running and self._state.watcher is not None:
            self._timer = asyncio.get_running_loop().call_later(_STILL, self._tell)

    def _tell_one(self, audience: str | None, ended: _Ended | None, was_busy: bool) -> None:
        """Users hear of their own requests only, and nothing while they have none."""
        running: Iterable[Account] = self._running.values()
        if audience is not None:
            running = [one for one in running if one.caller.user_id == audience]
        rows = [_shown(running_row(one)) for one in islice(running, _SHOWN)]
        if rows:
            self._busy.add(audience)
        elif ended is None and not was_busy:
            return
        data = {
            "ended": [_shown(row) for row in ended.rows] if ended else [],
            "left_out": ended.count - len(ended.rows) if ended else 0,
            "running": rows,
            "running_total": len(self._running) if audience is None else len(list(running)),
        }
        self._hub.publish("requests", data, audience)


def running_row(account: Account) -> UsageRow:
    """A request that has not ended: status 0, with the tries that failed so far."""
    caller, call = account.caller, account.call
    model, request_id = (call.model, call.request_id) if call else ("", "")
    received = call.received if call else time.monotonic()
    row = UsageRow(
        request_id, account.started, account.operation.name, model, 0, caller.key_id, caller.name, caller.user_id
    )
    row.route = account.route.id if account.route else ""
    row.stream = bool(call and call.stream)
    row.attempts = tuple(tried(attempt, received) for attempt in account.tries.attempts)
    row.latency_ms = (time.monotonic() - received) * 1000
    if (target := account.tries.answered_by) is not None:
        row.provider_id, row.upstream_model = target.provider_id, target.upstream_model
    return row


def _shown(row: UsageRow) -> dict[str, Any]:
    """As the API shows it. Its shapes are loaded with the pages, which are there when somebody looks."""
    bare = msgspec.structs.replace(row, request_body=None, response_body=None)
    shown: dict[str, Any] = import_module("gateway.api.admin.usage_views").request_view(bare).model_dump(mode="json")
    return shown
