"""`Warmer`: has cold chutes started while others answer, and tells who waits when one is hot. Made by the app."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from gateway.errors import GatewayError
from gateway.providers.base import Endpoint, Provider
from gateway.routing.signals import Signals
from gateway.routing.types import Target

log = logging.getLogger("gateway.signals")

LOOK, SLOWEST = 3.0, 15.0
"""Seconds between the first two looks at a chute that starts, and between the later ones."""
LONGEST = 900.0
"""Seconds after which nobody looks any more."""
AT_ONCE = 8
_FAILURES = 3
REST = 60.0
"""Seconds for which a target is left alone when it could not be started."""
MOST_WISHES = 64
"""Starts that were asked for by name, at a time."""
_REMEMBERED = 900.0
"""Seconds after its end for which such a start is told."""

_Key = tuple[str, str]


@runtime_checkable
class Warms(Protocol):
    """A dialect whose upstream can be told to start a model."""

    async def warm(self, endpoint: Endpoint) -> bool:
        """Starts it unless it runs; whether it does. Raises GatewayError."""
        ...


@dataclass(slots=True)
class Wish:
    """A start that somebody asked for by name; times are those of `Warmer.clock`. `ended` is None while it waits or
    runs, `why` tells what kept it from getting hot."""

    began: float
    ended: float | None = None
    hot: bool = False
    why: str = ""


class Warmer:
    """At most `AT_ONCE` targets at a time, each once. For use on one event loop."""

    def __init__(
        self,
        adapters: Mapping[str, object],
        signals: Signals,
        clock: Callable[[], float] = time.monotonic,
        look: float = LOOK,
    ) -> None:
        self._adapters, self._signals, self.clock, self._look = adapters, signals, clock, look
        self._running: dict[_Key, asyncio.Task[bool]] = {}
        self._resting: dict[_Key, float] = {}
        self._wishes: dict[_Key, Wish] = {}
        self._queue: OrderedDict[_Key, tuple[Target, Provider, Warms]] = OrderedDict()

    def start(self, target: Target, provider: Provider) -> bool:
        """Whether somebody is now having the target started."""
        key = _key(target)
        if key in self._running:
            return True
        adapter = self._adapters.get(provider.type)
        if len(self._running) >= AT_ONCE or not isinstance(adapter, Warms) or self._rests(key):
            return False
        self._signals.note_warmth(target, hot=False)
        self._begin(target, provider, adapter)
        return True

    def wish(self, target: Target, provider: Provider) -> bool:
        """As `start`, for who asks for the target by name: it is tried although it rests, what is over `AT_ONCE` waits
        for its turn, and `wishes` tells how far it is. False where nobody can start it, or too many are under way."""
        adapter, key = self._adapters.get(provider.type), _key(target)
        if not isinstance(adapter, Warms):
            return False
        known = self.wishes.get(key)
        if known is not None and known.ended is None:
            return True
        if known is None and len(self._wishes) >= MOST_WISHES and not self._forget_one():
            return False
        now = self.clock()
        wish = self._wishes[key] = Wish(now)
        if self._signals.hot(target):
            wish.ended, wish.hot = now, True
        elif key not in self._running:
            self._queue[key] = target, provider, adapter
            self._go_on()
        return True

    @property
    def wishes(self) -> Mapping[_Key, Wish]:
        """Those under way, and those that ended lately."""
        old = self.clock() - _REMEMBERED
        self._wishes = {key: wish for key, wish in self._wishes.items() if wish.ended is None or wish.ended > old}
        return self._wishes

    def _forget_one(self) -> bool:
        ended = next((key for key, wish in self._wishes.items() if wish.ended is not None), None)
        return ended is not None and self._wishes.pop(ended) is not None

    def is_starting(self, target: Target) -> bool:
        return _key(target) in self._running

    async def wait_hot(self, target: Target, seconds: float) -> bool:
        """Whether it got hot within so many seconds; False at once where nobody has it started."""
        task = self._running.get(_key(target))
        if task is None:
            return self._signals.hot(target) is True
        done, _ = await asyncio.wait({task}, timeout=seconds)
        return bool(done) and not task.cancelled() and task.result()

    async def aclose(self) -> None:
        self._queue.clear()
        left = list(self._running.values())
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    def _begin(self, target: Target, provider: Provider, adapter: Warms) -> None:
        key = _key(target)
        task = asyncio.create_task(self._warm(target, provider, adapter), name=f"warm up {target.upstream_model}")
        self._running[key] = task
        task.add_done_callback(lambda _: self._end(key))

    def _end(self, key: _Key) -> None:
        self._running.pop(key, None)
        self._go_on()

    def _go_on(self) -> None:
        while self._queue and len(self._running) < AT_ONCE:
            key, waiting = self._queue.popitem(last=False)
            if key not in self._running:
                self._begin(*waiting)

    async def _warm(self, target: Target, provider: Provider, adapter: Warms) -> bool:
        until, pause, failures = self.clock() + LONGEST, self._look, 0
        key = provider.api_keys[0] if provider.api_keys else ""
        endpoint = Endpoint(provider, target.upstream_model, target.base_url, key)
        why = f"it is still cold after {LONGEST / 60:.0f} minutes"
        while self.clock() < until:
            try:
                if await adapter.warm(endpoint):
                    self._signals.note_warmth(target, hot=True)
                    self._settle(target, hot=True)
                    return True
                self._signals.note_warmth(target, hot=False)
                failures = 0
            except GatewayError as error:
                failures += 1
                if failures == _FAILURES or not error.passes:
                    log.warning("%s cannot be warmed up: %s", target.upstream_model, error.message)
                    why = error.message
                    break
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, SLOWEST)
        self._signals.give_up(target)
        self._resting[_key(target)] = self.clock() + REST
        self._settle(target, why=why)
        return False

    def _settle(self, target: Target, *, hot: bool = False, why: str = "") -> None:
        if wish := self._wishes.get(_key(target)):
            wish.ended, wish.hot, wish.why = self.clock(), hot, why

    def _rests(self, key: _Key) -> bool:
        if not self._resting:
            return False
        now = self.clock()
        self._resting = {name: until for name, until in self._resting.items() if until > now}
        return key in self._resting


def _key(target: Target) -> _Key:
    return target.provider_id, target.upstream_model
