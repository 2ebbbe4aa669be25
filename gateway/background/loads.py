"""Asks local engines how busy they are: for models that spill by it, for the engines' screen and for metrics. One that
stands still is started again."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from gateway.background.stalls import LIMIT, Stalls
from gateway.background.tasks import Periodic
from gateway.errors import GatewayError
from gateway.providers.base import Timeouts
from gateway.providers.engines import EngineState, EngineStatus
from gateway.providers.transport.base import HttpRequest, Transport
from gateway.routing.vitals import EngineLoad
from gateway.state import State

EVERY = 2.0
"""Seconds between two looks at an engine."""
SPAN = 10.0
"""Seconds over which the speed of an engine is told."""
_PATIENCE = Timeouts(connect=1.0, first_byte=2.0, whole=2.0, idle=2.0)
_MAX_BYTES = 4 * 2**20
_OK = 200

_WAITING, _RUNNING = "num_requests_waiting", "num_requests_running"
_WRITTEN, _READ = "generation_tokens_total", "prompt_tokens_total"
_SUMS = (_WAITING, _RUNNING, _WRITTEN, _READ)
_CACHES = ("kv_cache_usage_perc", "gpu_cache_usage_perc")
_DEVICE = "device_memory_bytes"
_TOLD = {*_SUMS, *_CACHES, _DEVICE}
"""vLLM's names, new and old; our own engines use them with their own prefix, and tell their device's memory too."""


class EngineLoads:
    def __init__(self, state: State, transport: Transport) -> None:
        self._state, self._transport = state, transport
        self._past: dict[str, deque[EngineLoad]] = {}
        self._stalls = Stalls()

    def task(self) -> Periodic:
        return Periodic("engine loads", EVERY, self.look)

    async def look(self) -> None:
        """Raises the failure of the last engine that did not answer, when all were asked."""
        failure: GatewayError | None = None
        loads = self._state.dispatcher.vitals.loads
        for engine in self._state.engines.statuses():
            if engine.state != EngineState.READY or not engine.address:
                self._past.pop(engine.name, None)
                loads.pop(engine.name, None)
                continue
            load = None
            try:
                if (load := await self._ask(engine)) is not None:
                    loads[engine.name] = self._with_speed(engine.name, load)
            except GatewayError as error:
                failure = error
            in_flight = self._state.dispatcher.in_flight(engine.name)
            if self._stalls.found(engine, load, in_flight, time.monotonic()):
                await self._state.engines.restart(engine.name, f"hung: {in_flight} calls, no token for {LIMIT:.0f} s")
        if failure is not None:
            raise failure

    async def _ask(self, engine: EngineStatus) -> EngineLoad | None:
        """None from an engine that has no metrics."""
        headers = {"authorization": f"Bearer {engine.secret}"} if engine.secret else {}
        url = f"{engine.address}/metrics"
        response = await self._transport.send(HttpRequest("GET", url, headers, timeouts=_PATIENCE, engine=True))
        text = (await response.read(_MAX_BYTES)).decode("utf-8", "replace")
        if response.status != _OK:
            return None
        load = read_load(text, time.monotonic())
        return load if engine.gpu_memory is None else replace(load, device_memory=float(engine.gpu_memory))

    def _with_speed(self, name: str, load: EngineLoad) -> EngineLoad:
        past = self._past.setdefault(name, deque())
        while past and load.at - past[0].at > SPAN:
            past.popleft()
        past.append(load)
        return with_speed(past)


def read_load(text: str, at: float) -> EngineLoad:
    """From metrics in Prometheus' text format: sums over all workers, and the fullest cache."""
    sums: dict[str, float] = {}
    cache: float | None = None
    for line in text.splitlines():
        name, _, rest = line.partition("{") if "{" in line else line.partition(" ")
        name = name.rpartition(":")[2]
        if name not in _TOLD:
            continue
        try:
            value = float(rest.rpartition("}")[2].split()[0])
        except (IndexError, ValueError):
            continue
        if name in _CACHES:
            cache = max(cache or 0.0, value)
        else:
            sums[name] = sums.get(name, 0.0) + value
    return EngineLoad(
        sums.get(_WAITING, 0.0),
        cache,
        at,
        running=sums.get(_RUNNING),
        written=sums.get(_WRITTEN),
        read=sums.get(_READ),
        device_memory=sums.get(_DEVICE),
    )


def with_speed(past: Sequence[EngineLoad]) -> EngineLoad:
    """The newest, with the tokens a second since the oldest; none are told while there is one look alone, or when the
    engine began to count anew."""
    first, last = past[0], past[-1]
    return replace(
        last,
        output_speed=_per_second(first.written, last.written, last.at - first.at),
        input_speed=_per_second(first.read, last.read, last.at - first.at),
    )


def _per_second(before: float | None, now: float | None, seconds: float) -> float | None:
    """Counters that an engine does not have yet were 0: ours appear with their first count."""
    if now is None or seconds <= 0 or now < (before or 0.0):
        return None
    return (now - (before or 0.0)) / seconds
