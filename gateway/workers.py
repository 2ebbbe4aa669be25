"""`WORKERS` processes that answer on one port: started, watched, begun anew when one dies, drained at SIGTERM.

Called by `gateway serve` when WORKERS is above 1. Each worker runs the whole app; what they share lies in STATE_DIR or
in the database and Redis.
"""

import contextlib
import logging
import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

import uvloop

from gateway.app import Gateway
from gateway.errors import ConfigError, GatewayError
from gateway.providers.engines import NoEngines
from gateway.serve import run
from gateway.settings import Settings

log = logging.getLogger("gateway")

_BALANCED = sys.platform == "linux"
"""Linux shares connections out among sockets of one port; elsewhere all workers accept from one socket."""
_PATIENCE = 40.0
"""Seconds from SIGTERM until workers are killed: uvicorn's 30 for running requests, and some to write usage."""
_HEALTHY = 10.0
"""Seconds after which a worker counts as having started well."""
_MAX_PAUSE = 10.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


@dataclass(slots=True)
class _Worker:
    """`pid` is 0 while it is not running, `due` when it is to be started again."""

    number: int
    listening: socket.socket
    pid: int = 0
    began: float = 0.0
    due: float = 0.0
    failures: int = 0


def check_workers(settings: Settings, origins: Mapping[str, str]) -> None:
    """Raises ConfigError for what several processes cannot share."""
    if settings.workers > 1 and {"engines", "engine_config"} & origins.keys() and settings.engines != "off":
        raise ConfigError("WORKERS: local engines need WORKERS=1; set ENGINES=off, or run the engines elsewhere")


def serve_workers(app: Gateway) -> None:
    """Blocks until SIGINT or SIGTERM and the end of every worker. Raises ConfigError where the port is not to be had
    or a worker cannot start.

    `app` is made but not started: the workers are forked with it, before there is any thread or loop.
    """
    assert isinstance(app.state.engines, NoEngines)
    settings = app.settings
    app.keep_key()
    alive = os.pipe()
    workers = [_Worker(number, each) for number, each in enumerate(_sockets(settings))]
    code = _Supervisor(app, workers, alive).run()
    if code:
        raise ConfigError("WORKERS: a worker could not start; its reason stands above")


def _sockets(settings: Settings) -> list[socket.socket]:
    """One for each worker. They stay bound here, so that a worker that begins anew finds the callers who waited."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        with socket.socket(family) as probe:  # alone, else two gateways could share a port without knowing
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
            address = probe.getsockname()
        first = _bound(family, address)
        others = [_bound(family, address) if _BALANCED else first for _ in range(settings.workers - 1)]
    except OSError as error:
        raise ConfigError(f"PORT: {settings.host}:{settings.port}: {error.strerror}") from None
    return [first, *others]


def _bound(family: socket.AddressFamily, address: tuple[str, int]) -> socket.socket:
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if _BALANCED:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind(address)
    return listening


class _Supervisor:
    def __init__(self, app: Gateway, workers: list[_Worker], alive: tuple[int, int]) -> None:
        self._app, self._workers = app, workers
        self._reader, self._writer = alive
        """Workers see the end of this pipe when their supervisor is gone."""
        self._stop_by: float | None = None
        self._failed = False

    def run(self) -> int:
        """The exit code: 0 after a signal, 1 where a worker could not start at all."""
        news, told = socket.socketpair()
        news.setblocking(False)
        told.setblocking(False)
        signal.set_wakeup_fd(told.fileno())
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)
        with selectors.DefaultSelector() as selector:
            selector.register(news, selectors.EVENT_READ)
            while not (self._stop_by and not any(worker.pid for worker in self._workers)):
                self._start_due()
                selector.select(self._wait())
                with contextlib.suppress(BlockingIOError):
                    self._heed(news.recv(4096))
                self._reap()
                self._kill_late()
        return int(self._failed)

    def _wait(self) -> float | None:
        now = time.monotonic()
        if self._stop_by is not None:
            return max(0.05, self._stop_by - now)
        due = [worker.due for worker in self._workers if not worker.pid]
        return max(0.0, min(due) - now) if due else None

    def _heed(self, signals: bytes) -> None:
        if {signal.SIGTERM, signal.SIGINT} & set(signals) and self._stop_by is None:
            self._stop()

    def _stop(self) -> None:
        self._stop_by = time.monotonic() + _PATIENCE
        for worker in self._workers:
            worker.listening.close()
            if worker.pid:
                os.kill(worker.pid, signal.SIGTERM)

    def _kill_late(self) -> None:
        if self._stop_by is not None and time.monotonic() >= self._stop_by:
            for worker in self._workers:
                if worker.pid:
                    log.error("worker %d did not stop in time and is killed", worker.number)
                    os.kill(worker.pid, signal.SIGKILL)
            self._stop_by = time.monotonic() + _PATIENCE

    def _start_due(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            if not worker.pid and self._stop_by is None and worker.due <= now:
                worker.began = now
                try:
                    worker.pid = _fork()
                except OSError as error:  # no memory, or too many processes: the others go on
                    worker.due = now + _MAX_PAUSE
                    log.error("worker %d cannot be started (%s): again in %.0f s", worker.number, error, _MAX_PAUSE)
                    continue
                if not worker.pid:
                    self._let_go(worker)
                    _work(self._app, worker, self._reader)

    def _let_go(self, worker: _Worker) -> None:
        """In a new worker: nothing that is for others is kept open by it."""
        os.close(self._writer)
        for other in self._workers:
            if other.listening is not worker.listening:
                other.listening.close()

    def _reap(self) -> None:
        for worker in self._workers:
            if not worker.pid:
                continue
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                worker.pid = 0
                self._note_end(worker, os.waitstatus_to_exitcode(status))

    def _note_end(self, worker: _Worker, code: int) -> None:
        """One that says at the very start that it cannot start ends all: nobody would read the reason. Later the others
        go on, also where one that begins anew lacks its database."""
        if self._stop_by is not None:
            return
        if code == _CANNOT_START and not worker.due:
            self._failed = True
            self._stop()
            return
        lived = time.monotonic() - worker.began
        worker.failures = 0 if lived >= _HEALTHY else worker.failures + 1
        if worker.failures:
            self._let_callers_go(worker)
        pause = min(_MAX_PAUSE, 0.1 * 2**worker.failures) if worker.failures > 1 else 0.0
        worker.due = time.monotonic() + pause
        log.error("worker %d ended (%s) and begins anew in %.1f s", worker.number, _reason(code), pause)

    def _let_callers_go(self, worker: _Worker) -> None:
        """Callers wait a moment for a worker that begins anew; where that fails they go to the others."""
        if _BALANCED:
            fresh = _bound(worker.listening.family, worker.listening.getsockname())
            worker.listening.close()
            worker.listening = fresh


_CANNOT_START = 3


def _fork() -> int:
    """In the new process signals wait until `_work` hears them: our own handlers would take them for us."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    pid = -1
    try:
        pid = os.fork()
    finally:
        if pid:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    return pid


def _reason(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _work(app: Gateway, worker: _Worker, parent: int) -> NoReturn:
    """The life of a worker; only the first one greets the operator, once."""
    signal.set_wakeup_fd(-1)
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    if worker.number:
        app.new_master_key = None
    code = 0
    try:
        uvloop.run(run(app, listening=worker.listening, greets=not (worker.number or worker.due)))
    except GatewayError as error:
        print(f"error: {error.message}", file=sys.stderr, flush=True)  # noqa: T201
        code = _CANNOT_START
    except KeyboardInterrupt:
        pass
    except BaseException:
        log.exception("worker %d failed", worker.number)
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _leave_with(parent: int) -> None:
    """A worker without a supervisor would keep the port for nobody: it drains and ends."""
    os.read(parent, 1)
    os.kill(os.getpid(), signal.SIGTERM)
