"""Asks local engines how full they are, where a model spills by it."""

import time

from gateway.background.tasks import Periodic
from gateway.errors import GatewayError
from gateway.providers.base import ProviderType, Timeouts
from gateway.providers.engines import EngineState, EngineStatus
from gateway.providers.transport.base import HttpRequest, Transport
from gateway.routing.vitals import EngineLoad
from gateway.state import Snapshot, State

EVERY = 2.0
"""Seconds between two looks at an engine."""
_PATIENCE = Timeouts(connect=1.0, first_byte=2.0, whole=2.0, idle=2.0)
_MAX_BYTES = 4 * 2**20

_WAITING = "num_requests_waiting"
_MEMORY = ("kv_cache_usage_perc", "gpu_cache_usage_perc")
"""vLLM's names, new and old; our own engines use the first of them with their own prefix."""


class EngineLoads:
    def __init__(self, state: State, transport: Transport) -> None:
        self._state, self._transport = state, transport
        self._seen: Snapshot | None = None
        self._names: frozenset[str] = frozenset()

    def task(self) -> Periodic:
        return Periodic("engine loads", EVERY, self.look)

    async def look(self) -> None:
        """Raises the failure of the last engine that did not answer, when all were asked."""
        if self._state.snapshot is not self._seen:
            self._seen = self._state.snapshot
            self._names = frozenset(_watched(self._seen))
        failure: GatewayError | None = None
        for name in self._names:
            engine = self._state.engines.status(name)
            if engine is None or engine.state != EngineState.READY or not engine.address:
                continue
            try:
                self._state.dispatcher.vitals.loads[name] = await self._ask(engine)
            except GatewayError as error:
                failure = error
        if failure is not None:
            raise failure

    async def _ask(self, engine: EngineStatus) -> EngineLoad:
        headers = {"authorization": f"Bearer {engine.secret}"} if engine.secret else {}
        url = f"{engine.address}/metrics"
        response = await self._transport.send(HttpRequest("GET", url, headers, timeouts=_PATIENCE, engine=True))
        return read_load((await response.read(_MAX_BYTES)).decode("utf-8", "replace"), time.monotonic())


def read_load(text: str, at: float) -> EngineLoad:
    """From metrics in Prometheus' text format: waiting calls of all workers, and the fullest cache."""
    waiting, memory = 0.0, None
    for line in text.splitlines():
        name, _, rest = line.partition("{") if "{" in line else line.partition(" ")
        name = name.rpartition(":")[2]
        if name != _WAITING and name not in _MEMORY:
            continue
        try:
            value = float(rest.rpartition("}")[2].split()[0])
        except (IndexError, ValueError):
            continue
        if name == _WAITING:
            waiting += value
        else:
            memory = max(memory or 0.0, value)
    return EngineLoad(waiting, memory, at)


def _watched(snapshot: Snapshot) -> set[str]:
    """The engines of models that spill by what the engine says of itself."""
    spilling = (r for r in snapshot.routes.values() if r.spill and (r.spill.waiting or r.spill.memory))
    names = {target.provider_id for route in spilling for target in route.targets}
    return {name for name in names if snapshot.providers[name].type == ProviderType.LOCAL}
