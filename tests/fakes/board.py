"""An engine board whose engines are a fake upstream, in whatever state a test wants."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.providers.engines import EngineState


@dataclass(frozen=True)
class FakeEngine:
    name: str
    kind: str
    model: str
    address: str
    state: str = EngineState.READY
    runtime: str = "transformers"
    phase: str = "ready"
    percent: float | None = None
    elapsed: float = 1.0
    retry_after: float = 7.0
    error: str | None = None
    restarts: int = 0
    secret: str = "engine-secret"
    demo: bool = True
    rss: int = 0
    gpu_memory: int | None = None

    @property
    def upstream_model(self) -> str:
        return self.model


class FakeBoard:
    """`become(name, state)` changes an engine, from any thread."""

    def __init__(self, *engines: FakeEngine) -> None:
        self.engines = {engine.name: engine for engine in engines}
        self.started = self.stopped = False
        self.suspected: list[str] = []

    def become(self, name: str, state: EngineState, error: str | None = None) -> None:
        self.engines[name] = replace(self.engines[name], state=state, phase=state.value, error=error)

    def statuses(self) -> Sequence[FakeEngine]:
        return tuple(self.engines.values())

    def status(self, name: str) -> FakeEngine | None:
        return self.engines.get(name)

    async def wait_ready(self, name: str, timeout: float) -> bool:
        until = asyncio.get_running_loop().time() + timeout
        while self.engines[name].state == EngineState.LOADING and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.01)
        return self.engines[name].state == EngineState.READY

    async def start(self) -> None:
        self.started = True

    async def stop(self) -> None:
        self.stopped = True

    def tail(self, name: str, lines: int = 100) -> list[str]:
        return [f"{name} is {self.engines[name].state}"][-lines:]

    async def load(self, name: str) -> None:
        self.become(name, EngineState.READY)

    async def unload(self, name: str) -> None:
        self.become(name, EngineState.STOPPED)

    async def restart(self, name: str, why: str = "") -> None:
        self.become(name, EngineState.LOADING, why or None)

    def suspect(self, name: str) -> None:
        self.suspected.append(name)
