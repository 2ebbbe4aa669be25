"""`Warmer`: has cold chutes started while others answer, and tells who waits when one is hot. Made by the app."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
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


@runtime_checkable
class Warms(Protocol):
    """A dialect whose upstream can be told to start a model."""

    async def warm(self, endpoint: Endpoint) -> bool:
        """Starts it unless it runs; whether it does. Raises GatewayError."""
        ...


class Warmer:
    """At most `AT_ONCE` targets at a time, each once. For use on one event loop."""

    def __init__(
        self,
        adapters: Mapping[str, object],
        signals: Signals,
        clock: Callable[[], float] = time.monotonic,
        look: float = LOOK,
    ) -> None:
        self._adapters, self._signals, self._clock, self._look = adapters, signals, clock, look
        self._running: dict[tuple[str, str], asyncio.Task[bool]] = {}
        self._resting: dict[tuple[str, str], float] = {}

    def start(self, target: Target, provider: Provider) -> bool:
        """Whether somebody is now having the target started."""
        key = (target.provider_id, target.upstream_model)
        if key in self._running:
            return True
        adapter = self._adapters.get(provider.type)
        if len(self._running) >= AT_ONCE or not isinstance(adapter, Warms) or self._rests(key):
            return False
        self._signals.note_warmth(target, hot=False)
        task = asyncio.create_task(self._warm(target, provider, adapter), name=f"warm up {target.upstream_model}")
        self._running[key] = task
        task.add_done_callback(lambda _: self._running.pop(key, None))
        return True

    def is_starting(self, target: Target) -> bool:
        return (target.provider_id, target.upstream_model) in self._running

    async def wait_hot(self, target: Target, seconds: float) -> bool:
        """Whether it got hot within so many seconds; False at once where nobody has it started."""
        task = self._running.get((target.provider_id, target.upstream_model))
        if task is None:
            return self._signals.hot(target) is True
        done, _ = await asyncio.wait({task}, timeout=seconds)
        return bool(done) and not task.cancelled() and task.result()

    async def aclose(self) -> None:
        left = list(self._running.values())
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    async def _warm(self, target: Target, provider: Provider, adapter: Warms) -> bool:
        until, pause, failures = self._clock() + LONGEST, self._look, 0
        key = provider.api_keys[0] if provider.api_keys else ""
        endpoint = Endpoint(provider, target.upstream_model, target.base_url, key)
        while self._clock() < until:
            try:
                if await adapter.warm(endpoint):
                    self._signals.note_warmth(target, hot=True)
                    return True
                self._signals.note_warmth(target, hot=False)
                failures = 0
            except GatewayError as error:
                failures += 1
                if failures == _FAILURES or not error.passes:
                    log.warning("%s cannot be warmed up: %s", target.upstream_model, error.message)
                    break
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, SLOWEST)
        self._signals.give_up(target)
        self._resting[target.provider_id, target.upstream_model] = self._clock() + REST
        return False

    def _rests(self, key: tuple[str, str]) -> bool:
        if not self._resting:
            return False
        now = self._clock()
        self._resting = {name: until for name, until in self._resting.items() if until > now}
        return key in self._resting
