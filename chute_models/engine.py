"""The life of one local engine: queued, started, watched, restarted with growing pauses, stopped."""

import asyncio
import contextlib
import os
import secrets
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from logging import Logger
from pathlib import Path

from chute_models.causes import describe_code, find_cause, with_advice
from chute_models.environment import child_environment
from chute_models.logfile import EngineLog
from chute_models.ports import free_port
from chute_models.probe import fetch, requests_in_flight
from chute_models.process import EngineProcess, Usage
from chute_models.progress import Progress
from chute_models.spec import EngineSpec
from chute_models.status import DRAINING, FAILED, LOADING, READY, STOPPED, Status, Timing

_POLL = 0.05
_LAST_WORDS = 10.0
"""Seconds before the end of a process that was ready within which an error that it told is taken for the reason."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a spec: the command and what its environment needs beyond the allow-list."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


Launcher = Callable[[EngineSpec, int, str], Launch]
"""(spec, port, secret) -> Launch. The secret goes into the environment, never into the command."""


class Engine:
    """Runs on the loop that calls `start`; `status` may be read from any thread."""

    def __init__(
        self, spec: EngineSpec, launcher: Launcher, *, python: str, state_dir: Path, timing: Timing, logger: Logger
    ) -> None:
        self.spec = spec
        self.log = EngineLog(state_dir / "logs" / f"engine-{spec.name}.log")
        self._launcher = launcher
        self._python = python
        self._timing = timing
        self._logger = logger
        self._progress = Progress()
        self._process: EngineProcess | None = None
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._suspected = False
        self._stopping = False
        self._restarting = False
        self._state, self._phase = STOPPED, "stopped"
        self._began = time.monotonic()
        self._took: float | None = None
        self._next_start = 0.0
        self._error: str | None = None
        self._verdict = ""
        self._restarts = -1
        self._failures = 0
        self._was_ready = False
        self._port = 0
        self._secret = ""
        self._rss = 0
        self._gpu_memory: int | None = None
        self._last_code: int | None = None

    # --- asked from outside ------------------------------------------------------------------------------

    def start(self, slots: asyncio.Semaphore) -> None:
        """Begin, or begin again: after a stop (also one under way) or a failure, or instead of a pause. Nothing when it
        runs."""
        if self._task and not self._task.done():
            if self._stopping or self._process is None:
                self.restart(slots)
            return
        self._stopping, self._failures, self._was_ready, self._error = False, 0, False, None
        self._wake, self._loop = asyncio.Event(), asyncio.get_running_loop()
        self._enter(LOADING, "queued")
        self._task = self._loop.create_task(self._run(slots), name=f"engine-{self.spec.name}")

    async def stop(self) -> None:
        """Mark it draining, stop it with its children; returns when none is left, or when it is to start again."""
        if self._task is None or self._task.done():
            self._enter(STOPPED, "stopped")
            return
        self._stopping = True
        self._wake.set()
        while self._stopping and not self._task.done():
            await asyncio.wait([self._task], timeout=_POLL)

    async def drain(self, timeout: float) -> bool:
        """Take it out of service and wait until its requests are done; True when they are."""
        if self._state not in (READY, DRAINING):
            return True
        self._state, self._phase = DRAINING, "draining"
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self._state == DRAINING:
            running = await requests_in_flight(self._port, self._secret, self._timing.probe_timeout)
            if running == 0:
                return True
            await asyncio.sleep(0.1)
        return self._state != DRAINING

    def restart(self, slots: asyncio.Semaphore, why: str = "") -> None:
        """Stop and start again, without a pause and with a clean record but for `why`."""
        if self._task is None or self._task.done():
            self.start(slots)
            return
        self._stopping, self._restarting = False, True
        self._failures, self._error = 0, why or None
        if why:
            self._logger.warning("engine %s: %s: started again", self.spec.name, why)
        self._wake.set()

    def suspect(self) -> None:
        """A call to it failed: have its health checked at once, and believe the first bad answer. From any thread."""
        self._suspected = True
        self._wake_up()

    def status(self) -> Status:
        process = self._process
        starting = self._state == LOADING and self._phase == "loading"
        return Status(
            name=self.spec.name,
            kind=self.spec.kind,
            model=self.spec.model,
            runtime=self.spec.runtime,
            state=self._state,
            phase=self._progress.phase if starting else self._phase,
            percent=100.0 if self._state == READY else self._progress.percent if starting else None,
            elapsed=self._took if self._took is not None else time.monotonic() - self._began,
            retry_after=self._retry_after(),
            error=self._error,
            restarts=max(0, self._restarts),
            address=f"http://127.0.0.1:{self._port}" if self._port else "",
            secret=self._secret,
            upstream_model=self.spec.upstream_model,
            demo=self.spec.demo,
            pid=process.pid if process else None,
            rss=self._rss,
            gpu_memory=self._gpu_memory,
        )

    # --- the loop ----------------------------------------------------------------------------------------

    async def _run(self, slots: asyncio.Semaphore) -> None:
        try:
            while not self._stopping:
                await self._life(slots)
                delay = self._after_life()
                if delay is None:
                    return
                await self._rest(delay)
            self._enter(STOPPED, "stopped")
        except Exception as error:
            self._logger.exception("engine %s: supervision failed", self.spec.name)
            self._error = f"{type(error).__name__}: {error}"
            self._enter(FAILED, "failed")

    async def _life(self, slots: asyncio.Semaphore) -> None:
        """One process from its start to its end."""
        self._restarting = False
        self._enter(LOADING, "queued")
        try:
            while slots.locked() and not self._interrupted():
                await self._pause(self._timing.loading_probe)
            if self._interrupted():
                return
            async with slots:
                self._spawn()
                ready = await self._until_ready()
            if ready:
                self._became_ready()
                await self._while_ready()
            await self._finish()
        finally:
            self._forget()

    def _spawn(self) -> None:
        self._restarts += 1
        self._progress, self._last_code, self._verdict = Progress(), None, ""
        self._secret = secrets.token_urlsafe(24)
        self._enter(LOADING, "loading")
        secret, log, progress = self._secret, self.log, self._progress

        def hear(line: str) -> None:
            told = line.replace(secret, "[hidden]")
            log.write(told)
            progress.feed(told)

        try:
            self._port = free_port()
            launch = self._launcher(self.spec, self._port, secret)
            environment = child_environment(os.environ, launch.environment, hub=self.spec.hub)
            self._process = EngineProcess(self._python, launch.command, environment, hear, self._wake_up)
        except OSError as error:
            self._verdict = f"cannot start {self._python}: {error.strerror}"

    async def _until_ready(self) -> bool:
        process, timing = self._process, self._timing
        last_sign, cpu = time.monotonic(), 0.0
        while process and process.exit_code() is None and not self._interrupted():
            if await self._well():
                return True
            await self._pause(timing.loading_probe)
            now = time.monotonic()
            if now - last_sign > timing.stall_after / 4:
                used = await _measured(process)
                if used is not None and used.cpu > cpu + 0.5:
                    last_sign, cpu = now, used.cpu
            if now - max(last_sign, self._progress.last_line) > timing.stall_after:
                return self._give_up("no sign of life while starting")
            if now - self._began > timing.start_limit:
                return self._give_up("not ready in time")
        return False

    def _became_ready(self) -> None:
        self._took = time.monotonic() - self._began
        self._state, self._phase, self._error = READY, "ready", None
        self._progress.forget_error()
        self._was_ready = True
        self._logger.info("engine %s: ready after %.1f s at port %d", self.spec.name, self._took, self._port)

    async def _while_ready(self) -> None:
        """Returns when the process has ended, hangs, or shall end. Two silent probes take it out of service."""
        process, timing = self._process, self._timing
        assert process is not None
        healthy_at = time.monotonic()
        measure_at, silent = 0.0, 0
        while process.exit_code() is None and not self._interrupted():
            suspected, self._suspected = self._suspected, False
            well = await self._well()
            now = time.monotonic()
            silent = 0 if well else silent + (well is False)
            if well is not False:
                healthy_at = now
                if self._took is not None and now - self._began - self._took > timing.stable_after:
                    self._failures = 0
            self._show_health(silent, 1 if suspected else 2)
            silence = now - max(healthy_at, self._progress.last_line)
            if silence > timing.hang_after or now - healthy_at > timing.stall_after:
                self._give_up("hung: its health check did not answer")
                return
            if now >= measure_at:
                measure_at = now + timing.measure_every
                if (used := await _measured(process)) is not None:
                    self._rss, self._gpu_memory = used.rss, used.gpu_memory
            await self._pause(timing.ready_probe)

    async def _well(self) -> bool | None:
        """What its health check says; None where this process is too short of file descriptors to ask."""
        try:
            status, _ = await fetch(self._port, "/health", self._secret, self._timing.probe_timeout)
        except OSError:
            return None
        return status == 200

    def _show_health(self, silent: int, most: int) -> None:
        if silent >= most and self._state == READY:
            self._state, self._phase = LOADING, "restarting"
        elif silent == 0 and self._state == LOADING:
            self._state, self._phase = READY, "ready"

    def _give_up(self, why: str) -> bool:
        self._verdict = why
        if self._process:
            self._process.kill()
        return False

    async def _finish(self) -> None:
        """See the process out: politely when we want it gone, and in any case for good."""
        process = self._process
        if process is None:
            return
        if process.exit_code() is None and self._interrupted():
            patience = self.spec.grace_seconds + self._timing.kill_margin if self._state in (READY, DRAINING) else 3.0
            self._enter(*((DRAINING, "draining") if self._stopping else (LOADING, "restarting")))
            process.terminate()
            await self._exited(patience)
        process.kill()
        await self._exited(30.0)
        self._logger.info("engine %s: ended with code %s", self.spec.name, process.exit_code())

    async def _exited(self, patience: float) -> None:
        deadline = time.monotonic() + patience
        while self._process and self._process.exit_code() is None:
            if time.monotonic() >= deadline:
                return
            await asyncio.sleep(_POLL)

    def _after_life(self) -> float | None:
        """The pause before the next start, None for no further start."""
        if self._interrupted():
            return 0.0
        self._failures += 1
        reason = self._reason()
        self._error = with_advice(reason)
        cause = find_cause(reason)
        # our own servers leave with EX_CONFIG when another start would fail the same way
        lasts = self._last_code == os.EX_CONFIG or (cause is not None and cause.lasts)
        hopeless = self._failures >= self._timing.failed_starts or (lasts and not self._was_ready)
        self._logger.warning("engine %s: %s (start %d)", self.spec.name, self._error, self._failures)
        if hopeless and not self._was_ready:
            self._enter(FAILED, "failed")
            return None
        delay = min(self._timing.backoff_first * 2.0 ** (self._failures - 1), self._timing.backoff_max)
        self._next_start = time.monotonic() + delay
        self._enter(*((FAILED, "failed") if hopeless else (LOADING, "restarting")))
        return delay

    def _reason(self) -> str:
        """Why it ended: what was found here, else what it said last, else how. A process that was shot said nothing of
        it, and what it had said long before of a request was not the reason."""
        progress, code = self._progress, self._last_code
        if self._verdict:
            return self._verdict
        fresh = time.monotonic() - progress.error_at < _LAST_WORDS or self._took is None
        if progress.error and fresh and code != 128 + signal.SIGKILL:
            return progress.error
        if code == 0 and self.spec.runtime == "vllm":
            return "ended with code 0, as vLLM does when its core was killed, perhaps for lack of memory"
        return describe_code(code)

    def _forget(self) -> None:
        process, self._process = self._process, None
        self._port, self._secret, self._rss, self._gpu_memory = 0, "", 0, None
        if process:
            self._last_code = process.exit_code()
            process.close()

    def _enter(self, state: str, phase: str) -> None:
        self._state, self._phase, self._took, self._began = state, phase, None, time.monotonic()

    def _wake_up(self) -> None:
        """From any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits for it any more
                self._loop.call_soon_threadsafe(self._wake.set)

    def _interrupted(self) -> bool:
        return self._stopping or self._restarting

    async def _pause(self, seconds: float) -> None:
        """Sleep, or less when something is asked of us or has happened since the last pause."""
        if not self._interrupted():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), seconds)
        self._wake.clear()

    async def _rest(self, seconds: float) -> None:
        """Sleep, or less only when something is asked of us."""
        until = time.monotonic() + seconds
        while not self._interrupted() and (left := until - time.monotonic()) > 0:
            await self._pause(left)

    def _retry_after(self) -> float:
        if self._state == READY:
            return 0.0
        if self._phase in ("restarting", "failed") and self._next_start > time.monotonic():
            return self._next_start - time.monotonic() + self.spec.expected_seconds
        if self._state in (FAILED, STOPPED):
            return 60.0
        return max(1.0, self.spec.expected_seconds - (time.monotonic() - self._began))


async def _measured(process: EngineProcess) -> Usage | None:
    """None where /proc cannot be read, as for lack of file descriptors."""
    try:
        return await asyncio.to_thread(process.measure)
    except OSError:
        return None
