"""Jobs of a chute: functions that run by a schedule or when asked, with retries and a timeout, inside the process.

The platform gives a chute cords or jobs, never both, and knows no schedules, so jobs run beside the cords. Every run is
kept in a file until it has ended: a run that the process did not live to finish is run again at the next start, and a
time that passed while it was down is made up for once. So a job runs at least once and must bear running twice.
"""

import asyncio
import inspect
import json
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from cronsim import CronSim, CronSimError

from gateway.errors import ConfigError

KEPT = 100
"""Ended runs that are remembered."""
LONGEST_PAUSE = 60.0

log = logging.getLogger("gateway.chute.jobs")


@dataclass(frozen=True, slots=True)
class Job:
    """`schedule` is a cron line in UTC. `timeout` in seconds, for each attempt; a plain function cannot be stopped."""

    name: str
    function: Callable[..., Any]
    schedule: str | None = None
    retry_count: int = 3
    timeout: float | None = None

    def next_due(self, after: datetime) -> datetime:
        assert self.schedule is not None
        due: datetime = next(CronSim(self.schedule, after))
        return due


@dataclass(slots=True)
class Run:
    """`state`: queued, running, succeeded or failed. Times are ISO 8601; `arguments` must be what JSON can carry."""

    run_id: str
    job: str
    arguments: dict[str, Any] = field(default_factory=dict)
    due: str | None = None
    state: str = "queued"
    attempts: int = 0
    error: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    result: Any = None


class Scheduler:
    """`owner` is the chute, the first argument of every job. `file` keeps what must survive. `pause`: seconds before
    the first retry, doubled with each."""

    def __init__(self, owner: Any, file: Path, pause: float = 1.0) -> None:
        self._owner = owner
        self._file = file
        self._pause = pause
        self._jobs: dict[str, Job] = {}
        self._last_due: dict[str, str] = {}
        self._pending: dict[str, Run] = {}
        self._ended: deque[Run] = deque(maxlen=KEPT)
        self._tasks: dict[str, asyncio.Task[Run]] = {}
        self._clocks: list[asyncio.Task[None]] = []

    def add(self, job: Job) -> None:
        """Raises ConfigError for a schedule or number that cannot be."""
        if job.name in self._jobs:
            raise ConfigError(f"job {job.name!r} is declared twice")
        if job.retry_count < 0 or (job.timeout is not None and job.timeout <= 0):
            raise ConfigError(f"job {job.name!r}: retry_count must be 0 or more, timeout more than 0 seconds")
        if job.schedule is not None:
            try:
                job.next_due(datetime.now(UTC))
            except (CronSimError, StopIteration) as error:
                raise ConfigError(f"job {job.name!r}: {job.schedule!r} is no cron line ({error})") from None
        self._jobs[job.name] = job

    async def start(self) -> None:
        """Runs what is left of the last time, then waits for the clock."""
        self._load()
        for run in list(self._pending.values()):
            if run.job in self._jobs:
                log.info("job %s: run %s is run again, the process ended before it did", run.job, run.run_id)
                self._begin(run)
        for job in self._jobs.values():
            if job.schedule:
                self._clocks.append(asyncio.create_task(self._keep_time(job)))

    async def stop(self) -> None:
        """Runs under way are cancelled and stay in the file."""
        tasks = [*self._clocks, *self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._clocks.clear()

    def submit(self, name: str, **arguments: Any) -> Run:
        """Starts a run in the background. Raises ConfigError for an unknown name, TypeError for what is no JSON."""
        if name not in self._jobs:
            raise ConfigError(f"there is no job {name!r}; there are {', '.join(self._jobs) or 'none'}")
        json.dumps(arguments)
        run = Run(f"run-{uuid4().hex}", name, arguments)
        self._begin(run)
        return run

    async def run(self, name: str, **arguments: Any) -> Run:
        """Starts a run and waits until it has ended."""
        return await self._tasks[self.submit(name, **arguments).run_id]

    def state(self) -> dict[str, Any]:
        """What `GET /jobs` of an example shows: the jobs with their next time, and the runs, newest first."""
        now = datetime.now(UTC)
        jobs = [
            {
                "name": job.name,
                "schedule": job.schedule,
                "retry_count": job.retry_count,
                "timeout": job.timeout,
                "next": job.next_due(now).isoformat() if job.schedule else None,
            }
            for job in self._jobs.values()
        ]
        runs = [*self._pending.values(), *self._ended]
        return {"jobs": jobs, "runs": [asdict(run) for run in reversed(runs)]}

    def _begin(self, run: Run) -> None:
        run.state = "queued"
        self._pending[run.run_id] = run
        self._save()
        task = asyncio.create_task(self._perform(self._jobs[run.job], run))
        self._tasks[run.run_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(run.run_id, None))

    async def _perform(self, job: Job, run: Run) -> Run:
        run.state, run.started_at, run.attempts = "running", _now(), 0
        while True:
            run.attempts += 1
            try:
                run.result = await self._attempt(job, run.arguments)
            except Exception as error:
                run.error = f"{type(error).__name__}: {error}"
                log.warning("job %s: attempt %d failed: %s", job.name, run.attempts, run.error)
                if run.attempts > job.retry_count:
                    return self._end(run, "failed")
                await asyncio.sleep(min(LONGEST_PAUSE, self._pause * 2 ** (run.attempts - 1)))
            else:
                run.error = None
                return self._end(run, "succeeded")

    async def _attempt(self, job: Job, arguments: dict[str, Any]) -> Any:
        async with asyncio.timeout(job.timeout):
            if inspect.iscoroutinefunction(job.function):
                return await job.function(self._owner, **arguments)
            return await asyncio.to_thread(job.function, self._owner, **arguments)

    def _end(self, run: Run, state: str) -> Run:
        run.state, run.ended_at = state, _now()
        self._pending.pop(run.run_id, None)
        self._ended.append(run)
        self._save()
        return run

    async def _keep_time(self, job: Job) -> None:
        """One run per time that comes; of times that passed while nobody looked, one for all."""
        while True:
            known = self._last_due.get(job.name)
            if known is None:
                known = self._last_due[job.name] = _now()
                self._save()
            due = job.next_due(datetime.fromisoformat(known))
            await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
            now = datetime.now(UTC)
            while (later := job.next_due(due)) <= now:
                due = later
            self._last_due[job.name] = due.isoformat()
            self._begin(Run(f"run-{uuid4().hex}", job.name, due=due.isoformat()))

    def _load(self) -> None:
        try:
            kept = json.loads(self._file.read_text())
            self._last_due = dict(kept["last_due"])
            self._pending = {one["run_id"]: Run(**one) for one in kept["pending"]}
        except FileNotFoundError:
            return
        except (ValueError, KeyError, TypeError, OSError) as error:
            log.warning("%s cannot be read, jobs begin anew: %s", self._file.name, error)

    def _save(self) -> None:
        """Written beside and renamed, so that a process that dies leaves the old or the new."""
        kept = {"last_due": self._last_due, "pending": [_plain(run) for run in self._pending.values()]}
        beside = self._file.with_suffix(".new")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps(kept))
            beside.replace(self._file)
        except OSError as error:
            log.warning("%s cannot be written, jobs will not survive a restart: %s", self._file.name, error)


def _plain(run: Run) -> dict[str, Any]:
    return {**asdict(run), "result": None}


def _now() -> str:
    return datetime.now(UTC).isoformat()
