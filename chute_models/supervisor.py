"""All local engines of one gateway process: the board the gateway sees, and the actions its admin screens offer."""

import asyncio
import logging
import time
from collections.abc import Sequence
from pathlib import Path

from chute_models.engine import Engine, Launcher
from chute_models.spec import EngineSpec
from chute_models.status import FAILED, READY, STOPPED, Status, Timing

_POLL, _RAREST = 0.05, 0.25
"""`wait_ready` polls, ever more rarely: it may be called from any event loop, and none has to know of the others."""


class Supervisor:
    """Starts, watches, restarts and stops the engines of `specs`; the order of `specs` is kept.

    `parallel_starts` bounds how many load at the same time. All methods but `statuses`, `status`, `tail`, `suspect`
    and `wait_ready` belong to the loop that called `start`. Installs no signal handlers.
    """

    def __init__(
        self,
        specs: Sequence[EngineSpec],
        launcher: Launcher,
        *,
        engine_python: str,
        state_dir: Path,
        log: logging.Logger | None = None,
        parallel_starts: int = 2,
        timing: Timing | None = None,
    ) -> None:
        logger = log or logging.getLogger("chute_models")
        self._parallel_starts = max(1, parallel_starts)
        self._slots: asyncio.Semaphore | None = None
        self._engines = {
            spec.name: Engine(
                spec, launcher, python=engine_python, state_dir=state_dir, timing=timing or Timing(), logger=logger
            )
            for spec in specs
        }

    def statuses(self) -> Sequence[Status]:
        return tuple(engine.status() for engine in self._engines.values())

    def status(self, name: str) -> Status | None:
        engine = self._engines.get(name)
        return engine.status() if engine else None

    def specs(self) -> Sequence[EngineSpec]:
        return tuple(engine.spec for engine in self._engines.values())

    def tail(self, name: str, lines: int = 100) -> list[str]:
        """The last lines of an engine's output, oldest first."""
        return self._engine(name).log.tail(lines)

    async def wait_ready(self, name: str, timeout: float) -> bool:
        """True once ready; False when `timeout` seconds pass or it fails."""
        deadline, pause = time.monotonic() + timeout, _POLL
        while (status := self.status(name)) and status.state not in (FAILED, STOPPED):
            if status.state == READY:
                return True
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(pause)
            pause = min(pause * 1.2, _RAREST)
        return False

    async def start(self) -> None:
        """Start all engines side by side; returns at once, never raises for an engine that cannot start."""
        for engine in self._engines.values():
            engine.start(self._free_slots())

    async def stop(self) -> None:
        """Stop all engines with their children; returns when none is left."""
        await asyncio.gather(*(engine.stop() for engine in self._engines.values()))

    async def load(self, name: str) -> None:
        """Start one engine that is stopped or has failed; returns at once."""
        self._engine(name).start(self._free_slots())

    async def unload(self, name: str) -> None:
        """Stop one engine and leave it stopped."""
        await self._engine(name).stop()

    async def restart(self, name: str, why: str = "") -> None:
        """Stop one engine and start it again; returns at once. `why` is told where nobody asked for it."""
        self._engine(name).restart(self._free_slots(), why)

    def suspect(self, name: str) -> None:
        """A call to it failed: have its health checked at once. From any thread."""
        self._engine(name).suspect()

    async def drain(self, name: str, timeout: float = 60.0) -> bool:
        """Take one engine out of service (state draining) and wait for its requests; True when none is left.

        It stays so until `restart` or `unload`.
        """
        return await self._engine(name).drain(timeout)

    def _engine(self, name: str) -> Engine:
        """Raises KeyError for an unknown name."""
        return self._engines[name]

    def _free_slots(self) -> asyncio.Semaphore:
        if self._slots is None:
            self._slots = asyncio.Semaphore(self._parallel_starts)
        return self._slots
