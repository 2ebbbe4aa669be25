"""`SharedCounters`: counts in a backend that several processes share, and alone while that cannot be reached.

Made by `open_counters`. While the backend is away every process counts by itself from what it last knew was spent; when
it is back, what was spent meanwhile is added there.
"""

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count, islice
from typing import Any, TypeVar

from msgspec import structs

from gateway.access.counters.backend import LEASE, Backend, BackendLost, Booking
from gateway.access.counters.clock import Periods
from gateway.access.counters.memory import MemoryCounters
from gateway.access.counters.verdicts import granted, refusal
from gateway.access.limits import Amount, Grant, Limits

log = logging.getLogger("gateway")

_GRACE = 0.02
"""Seconds for answers that are there already, while this process was too busy to read them."""
_LONG_PATIENCE = 3.0
_PROBE = 1.0
"""Seconds between attempts to reach a lost backend, and to settle what is left over."""
_RENEWALS = 3
"""Renewals of a reservation during one lease."""
_WARNING = 60.0
_CHUNK = 500
_MOST = 10**16
"""Tokens, or nano-dollars, that one request can count as: what a backend holds of which many can be summed."""
_KNOWN = 50_000
"""Sums that are remembered for the time without the backend; the oldest go first."""

_Key = tuple[str, str]
_T = TypeVar("_T")


async def _patiently(work: Coroutine[Any, Any, _T], seconds: float) -> _T:
    """Raises TimeoutError when it takes longer; time in which this process did nothing does not count."""
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait([task], timeout=seconds)
        if not done:
            await asyncio.wait([task], timeout=_GRACE)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        task.cancel()


class SharedCounters:
    """A `CounterStore`. `note` says for the health page what is wrong now, empty when nothing is."""

    def __init__(self, backend: Backend) -> None:
        self.note = ""
        self._backend = backend
        self._periods = Periods()
        self._ids = (f"{os.getpid()}-{secrets.token_hex(6)}-{n}" for n in count())
        self._open: dict[str, Booking] = {}
        self._left_over: dict[str, tuple[Booking, Amount]] = {}
        self._known: dict[_Key, int] = {}
        self._owed: dict[_Key, int] = {}
        self._unseeded: dict[_Key, int] = {}
        self._sending: tuple[str, dict[_Key, tuple[int, int]]] | None = None
        self._epoch = ""
        self._alone: MemoryCounters | None = None
        self._warned = float("-inf")
        self._keeper: asyncio.Task[None] | None = None

    async def reserve(self, scopes: Sequence[Limits], most: Amount, now: float) -> Grant:
        if not scopes:
            return Grant(most)
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())
        if self._alone is None:
            try:
                return await self._reserve(scopes, most, now)
            except (BackendLost, TimeoutError) as error:
                await self._lose(error)
        return await self._reserve_alone(scopes, most, now)

    async def _reserve(self, scopes: Sequence[Limits], most: Amount, now: float) -> Grant:
        now = self._backend.clock(now)
        booking = Booking(next(self._ids), scopes, self._names(scopes, now), most)
        try:
            verdict = await _patiently(self._backend.reserve(booking, now), self._backend.patience)
        except BaseException:  # the caller left, or the backend did: perhaps it is booked all the same
            self._left_over[booking.id] = (booking, Amount())
            raise
        self._epoch = self._epoch or verdict.epoch
        booking = replace(booking, second=verdict.second)
        if verdict.epoch != self._epoch:
            if verdict.admitted:
                self._left_over[booking.id] = (booking, Amount())
            raise BackendLost("it has forgotten what it counted")
        took = most.nanos if verdict.admitted else 0
        for limits, period, use in zip(scopes, booking.periods, verdict.uses, strict=True):
            if period:
                self._know((limits.scope, period), use.spent + took)
        if not verdict.admitted:
            raise refusal(scopes, verdict.uses, most, now)
        self._open[booking.id] = booking
        return granted(scopes, verdict.uses, most, now, booking)

    async def settle(self, grant: Grant, actual: Amount) -> None:
        actual = Amount(min(actual.tokens, _MOST), min(actual.nanos, _MOST))
        if isinstance(grant.handle, Booking):
            if self._open.pop(grant.handle.id, None) is not None:
                self._know_settled(grant.handle, actual)
                self._left_over[grant.handle.id] = (grant.handle, actual)
                await self._settle(grant.handle.id)
        elif isinstance(grant.handle, tuple):
            counters, inner, keys = grant.handle
            if keys:
                await counters.settle(inner, actual)
                self._owe(keys, actual.nanos - grant.reserved.nanos)
                keys.clear()

    def settle_at_once(self, grant: Grant, actual: Amount) -> bool:
        return False

    async def _settle(self, id: str) -> None:
        """What fails here stays left over, and the keeper tries it again."""
        if self._alone is None:
            try:
                await _patiently(self._backend.settle(*self._left_over[id]), self._backend.patience)
            except (BackendLost, TimeoutError) as error:
                await self._lose(error)
            else:
                self._left_over.pop(id, None)

    async def seed(self, scope: str, period: str, nanos: int) -> None:
        await self.seed_all({(scope, period): nanos})

    async def seed_all(self, sums: Mapping[_Key, int]) -> None:
        rest = iter(sums.items())
        while chunk := dict(islice(rest, _CHUNK)):
            for key, nanos in chunk.items():
                self._know(key, max(nanos, self._known.get(key, 0)))
            if self._alone is None:
                floors = {key: (nanos, 0) for key, nanos in chunk.items()}
                try:
                    await _patiently(self._backend.add(next(self._ids), floors), _LONG_PATIENCE)
                except (BackendLost, TimeoutError) as error:
                    await self._lose(error)
            if self._alone is not None:
                self._unseeded |= chunk
                await self._alone.seed_all(chunk)

    async def forget(self, scope: str, mark: str = "") -> None:
        for kept in (self._known, self._owed):
            for key in [key for key in kept if key[0] == scope]:
                del kept[key]
        if self._alone is not None:
            await self._alone.forget(scope)
            return
        try:
            await _patiently(self._backend.forget(scope, mark), self._backend.patience)
        except (BackendLost, TimeoutError) as error:
            await self._lose(error)

    async def aclose(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        with suppress(BackendLost, TimeoutError):
            if self._alone is not None or self._left_over:
                await _patiently(self._restore(), self._backend.patience)
        await self._backend.aclose()

    # --- without the backend ---------------------------------------------------------------------------------

    async def _lose(self, error: Exception) -> None:
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())
        if self._alone is None:
            self._alone = MemoryCounters()
            for (scope, period), nanos in self._known.items():
                await self._alone.seed(scope, period, nanos)
            since = time.strftime("%H:%M:%S", time.gmtime())
            self.note = f"{self._backend.name} cannot be reached since {since} UTC: each process counts limits alone"
        if time.monotonic() - self._warned >= _WARNING:
            self._warned = time.monotonic()
            log.warning("%s (%s)", self.note, str(error) or "it took too long")

    async def _reserve_alone(self, scopes: Sequence[Limits], most: Amount, now: float) -> Grant:
        counters = self._alone or MemoryCounters()
        inner = await counters.reserve(scopes, most, now)
        names = zip(scopes, self._names(scopes, now), strict=True)
        keys = [(limits.scope, period) for limits, period in names]
        self._owe(keys, most.nanos)
        return structs.replace(inner, handle=(counters, inner, keys))

    def _owe(self, keys: Sequence[_Key], nanos: int) -> None:
        for key in keys:
            if key[1]:
                self._owed[key] = self._owed.get(key, 0) + nanos

    # --- beside the requests ---------------------------------------------------------------------------------

    async def _keep(self) -> None:
        renewed = time.monotonic()
        while True:
            await asyncio.sleep(_PROBE)
            try:
                if self._alone is not None or self._left_over or self._owed or self._sending:
                    await _patiently(self._restore(), _LONG_PATIENCE)
                if self._open and time.monotonic() - renewed >= LEASE / _RENEWALS:
                    renewed = time.monotonic()
                    await _patiently(self._backend.renew(list(self._open)), _LONG_PATIENCE)
            except (BackendLost, TimeoutError) as error:
                await self._lose(error)
            except Exception:
                log.exception("counting limits together: a fault of the gateway; trying again")

    async def _restore(self) -> None:
        """Tells the backend what it missed; then it counts again."""
        if self._sending is not None:
            await self._backend.add(*self._sending)
            self._sending = None
        for id, (booking, actual) in list(self._left_over.items()):
            await self._backend.settle(booking, actual)
            self._left_over.pop(id, None)
        was_alone = self._alone is not None
        epoch = await self._backend.epoch()
        owed, self._owed = self._owed, {}
        floors = self._unseeded if epoch == self._epoch else self._floors()
        spends = {key: (floors.get(key, 0), owed.get(key, 0)) for key in {*floors, *owed}}
        if spends:
            self._sending, self._unseeded = (next(self._ids), spends), {}
            await self._backend.add(*self._sending)
            self._sending = None
            for key, more in owed.items():
                self._know(key, self._known.get(key, 0) + more)
        await self._backend.renew(list(self._open))
        self._epoch = epoch
        if was_alone:
            self._alone, self.note = None, ""
            log.info("%s is back: limits are counted together again", self._backend.name)

    def _floors(self) -> dict[_Key, int]:
        """What a backend that forgot everything must know, without the requests that are yet to be settled."""
        floors = dict(self._known)
        for booking in self._open.values():
            for limits, period in zip(booking.scopes, booking.periods, strict=True):
                if (key := (limits.scope, period)) in floors:
                    floors[key] -= booking.most.nanos
        return floors

    def _know(self, key: _Key, nanos: int) -> None:
        self._known.pop(key, None)
        self._known[key] = nanos
        if len(self._known) > _KNOWN:
            del self._known[next(iter(self._known))]

    def _know_settled(self, booking: Booking, actual: Amount) -> None:
        for limits, period in zip(booking.scopes, booking.periods, strict=True):
            if (key := (limits.scope, period)) in self._known:
                self._known[key] += actual.nanos - booking.most.nanos

    def _names(self, scopes: Sequence[Limits], now: float) -> list[str]:
        return ["" if limits.budget_nanos is None else self._periods.window(limits, now) for limits in scopes]
