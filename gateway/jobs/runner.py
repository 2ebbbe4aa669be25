"""`Runner`: the jobs of this process. Takes over work whose caller no longer waits, and sees it to its end.

Made by the back office; `api` hands work over, the desk asks it to cancel. All of it on one event loop.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from gateway.access.keys import Caller
from gateway.access.secrets import SealedElsewhere, Sealer
from gateway.dialects.base import Dialect
from gateway.errors import GatewayError, RateLimited, StorageFailed, StorageUnavailable
from gateway.jobs.answer import Ending, answered, cancelled, failed, interrupted, stopped, too_large
from gateway.jobs.documents import document
from gateway.jobs.hooks import Courier, HookRules, opened, sealed
from gateway.openai_api.call import Reply
from gateway.pipeline.account import Account
from gateway.providers.webhooks import Receiver, message
from gateway.store.documents import clean
from gateway.store.job_rows import JobRow, JobStatus, Left
from gateway.store.jobs import JobStore

log = logging.getLogger("gateway.jobs")

_POLL = 1.0
"""Seconds between looks at whether somebody wants a job cancelled."""
LEASE = 15.0
"""Seconds after which a worker that says nothing is taken for dead."""
_MOST_TOLD = 200
"""Webhooks that one worker sends at a time; further ones wait until there is room."""
_AGAIN = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds before each further try to keep an answer while the database is away."""
_LAST_SECONDS = 4.0
"""For keeping the ends of jobs that the end of the gateway interrupts."""
_LEFT = 499


@dataclass(frozen=True, slots=True)
class JobLimits:
    """Sizes in bytes, `retention` in seconds. `max_open` and `max_kept` are of each owner."""

    max_open: int
    max_result: int
    max_kept: int
    retention: float


@dataclass(slots=True)
class Running:
    """`why` is set before the work is stopped."""

    row: JobRow
    work: asyncio.Task[Reply]
    account: Account
    received: float
    hook: Receiver | None
    dialect: Dialect | None
    """Of the API that was asked, where it is another one."""
    why: GatewayError | None = None


def owner_of(caller: Caller) -> str:
    """Whose jobs they are: the key's, whatever its value is just now."""
    return caller.key_id or caller.name


class Runner:
    """`counted` is entered for as long as a job runs, for whoever waits until nothing is under way."""

    def __init__(self, store: JobStore, limits: JobLimits, courier: Courier, sealer: Sealer) -> None:
        self._store, self.limits, self._courier, self._sealer = store, limits, courier, sealer
        self._worker = f"{socket.gethostname()}-{os.getpid()}-{token_hex(4)}"
        self._running: dict[str, Running] = {}
        self._followers: set[asyncio.Task[None]] = set()
        self._asides: set[asyncio.Task[None]] = set()
        self._minding: asyncio.Task[None] | None = None
        self._renewed = 0.0
        self._left: dict[Left, float] = {}
        self.counted: Callable[[], AbstractContextManager[None]] = nullcontext

    def start(self) -> None:
        self._minding = asyncio.create_task(self._mind(), name="mind the jobs")

    @property
    def rules(self) -> HookRules:
        return self._courier.rules

    async def check_room(self, caller: Caller) -> None:
        """Raises RateLimited where the caller has too many jobs. A lost database is no reason to refuse work."""
        try:
            count = await self._store.count_open(owner_of(caller))
        except (StorageUnavailable, StorageFailed):
            return
        if count >= self.limits.max_open:
            text = f"This key has {count} jobs that run, of {self.limits.max_open} that it may have: wait for one."
            raise RateLimited(text, code="too_many_jobs", retry_after=5)

    async def take(
        self,
        work: asyncio.Task[Reply],
        account: Account,
        request_id: str,
        received: float,
        hook: Receiver | None,
        dialect: Dialect | None,
    ) -> JobRow | None:
        """From here on the work and its account are the job's. None where it cannot become one: nothing has changed."""
        now, call = time.time(), account.call
        row = JobRow(
            id=f"job-{token_hex(16)}",
            owner=owner_of(account.caller),
            request_id=request_id,
            operation=account.operation.name,
            model=clean(call.model) if call else "",
            worker=self._worker,
            created_at=now,
            lease_until=now + LEASE,
        )
        receiver = sealed(hook, self._sealer) if hook else ""
        adding = asyncio.ensure_future(self._store.add(row, self.limits.max_open, receiver))
        try:
            if not await asyncio.shield(adding):
                return None
        except asyncio.CancelledError:
            self._aside(self._take_back(adding, row.id))
            raise
        except (StorageUnavailable, StorageFailed) as error:
            log.warning("a request cannot become a job: %s", error.message)
            return None
        self._running[row.id] = running = Running(row, work, account, received, hook, dialect)
        follower = asyncio.create_task(self._follow(running), name=row.id)
        self._followers.add(follower)
        follower.add_done_callback(self._followers.discard)
        return row

    def runs(self, id: str) -> bool:
        """Whether it runs here."""
        return id in self._running

    def cancel(self, id: str) -> bool:
        """Whether it runs here: then its upstream is let go of now."""
        running = self._running.get(id)
        if running is not None:
            self._stop(running, cancelled())
        return running is not None

    async def drain(self, seconds: float) -> None:
        """Returns when no job runs: after `seconds` at the latest those that are left are interrupted."""
        if self._followers:
            await asyncio.wait(self._followers, timeout=max(0.0, seconds))
        for running in self._running.values():
            self._stop(running, interrupted())
        if pending := self._followers | self._asides:
            _, late = await asyncio.wait(pending, timeout=_LAST_SECONDS)
            for task in late:
                task.cancel()
        if self._minding is not None:
            self._minding.cancel()
            await asyncio.wait({self._minding})
        await self._courier.aclose()
        try:
            await self._store.give_hooks_back(self._worker)
        except (StorageUnavailable, StorageFailed) as error:
            log.debug("webhooks cannot be given back: %s", error.message)

    # --- the life of a job ---------------------------------------------------------------------------

    async def _follow(self, running: Running) -> None:
        row, account = running.row, running.account
        try:
            with self.counted():
                await asyncio.wait({running.work})
                ending, error = self._ending(running)
                status = ending.row.http_status or (_LEFT if ending.row.status is JobStatus.CANCELLED else 503)
                account.close(row.request_id, running.received, status, error)
                await self._keep(ending)
        finally:
            del self._running[row.id]
        if running.hook is not None:
            await self._tell(ending.row, running.hook)
        ms = round((time.monotonic() - running.received) * 1000, 1)
        told = {"request_id": row.request_id, "ms": ms, "key": account.caller.name, "model": row.model or None}
        log.info("%s %s", row.id, ending.row.status, extra={**told, "error": error.error_code if error else None})

    def _ending(self, running: Running) -> tuple[Ending, GatewayError | None]:
        row, work, limits = running.row, running.work, self.limits
        if work.cancelled():
            error = running.why or interrupted()
            return stopped(row, error, limits.retention), error
        try:
            reply = work.result()
            assert isinstance(reply.body, bytes)  # what streams never becomes a job
            if len(reply.body) > limits.max_result:
                raise too_large(limits.max_result)
            return answered(row, reply, reply.body, limits.retention, running.dialect), None
        except GatewayError as known:
            return failed(row, known, limits.retention, running.dialect), known
        except Exception:
            log.exception("%s failed", row.id)
            error = GatewayError("The gateway failed; the log has the reason under this request id.")
            return failed(row, error, limits.retention, running.dialect), error

    async def _keep(self, ending: Ending) -> None:
        """Tries for a while: an answer was paid for."""
        for wait in (*_AGAIN, None):
            try:
                await self._store.finish(ending.row, ending.body, self.limits.max_kept)
                return
            except (StorageUnavailable, StorageFailed) as error:
                reason = error.message
            if wait is None:
                break
            await asyncio.sleep(wait)
        log.error("%s: its end cannot be kept: %s", ending.row.id, reason)

    # --- what others want of it ----------------------------------------------------------------------

    async def _mind(self) -> None:
        """Renews the leases, cancels what somebody asked another worker to cancel, tells what others left untold."""
        while True:
            try:
                await self._look()
            except (StorageUnavailable, StorageFailed) as error:
                self._left.clear()
                log.debug("jobs cannot be looked after: %s", error.message)
            except Exception:
                log.exception("a fault in looking after jobs")
            await asyncio.sleep(_POLL)

    async def _look(self) -> None:
        if self._running:
            for id in await self._store.wished(self._worker):
                self.cancel(id)
        if time.monotonic() - self._renewed < LEASE / 5:
            return
        self._renewed = time.monotonic()
        if self._running or self._courier.pending:
            await self._store.renew(self._worker, time.time() + LEASE)
        await self._take_over()

    async def _take_over(self) -> None:
        """Tells what other workers left: those that gave it back, and those whose lease stands still for so long as
        this process sees it, whatever the clocks of their machines say."""
        now, room = time.monotonic(), _MOST_TOLD - self._courier.pending
        others = await self._store.hooks_of_others(self._worker)
        self._left = {left: self._left.get(left, now) for left in others}
        due = [left for left, since in self._left.items() if not left.worker or now - since >= LEASE]
        for left in due[: max(0, room)]:
            receiver = await self._store.take_hook(left, self._worker, time.time() + LEASE)
            if receiver is not None:
                await self._tell_for_another(left.job_id, receiver)

    async def _tell_for_another(self, id: str, receiver: str) -> None:
        await self._store.interrupt(id, self.limits.retention)
        row = await self._store.find(id)
        if row is None:
            await self._told(id)
            return
        try:
            await self._tell(row, opened(receiver, self._sealer))
        except SealedElsewhere as error:
            log.warning("%s: no webhook is sent: %s", id, error.message)
            await self._told(id)

    async def _tell(self, row: JobRow, receiver: Receiver) -> None:
        if self._courier.pending < _MOST_TOLD:
            self._courier.send(receiver, message(f"job.{row.status}", document(row)), row.id, self._told)
            return
        try:
            await self._store.give_hook_back(row.id)
        except (StorageUnavailable, StorageFailed) as error:
            log.warning("%s: its webhook is not sent before the next start: %s", row.id, error.message)

    async def _told(self, id: str) -> None:
        try:
            await self._store.remove_hook(id)
        except (StorageUnavailable, StorageFailed) as error:
            log.warning("%s: its webhook may be sent again: %s", id, error.message)

    def _stop(self, running: Running, why: GatewayError) -> None:
        if running.why is None and not running.work.done():
            running.why = why
            running.work.cancel()

    async def _take_back(self, adding: "asyncio.Future[bool]", id: str) -> None:
        """Its caller left while it was written down."""
        try:
            if await adding:
                await self._store.remove(id)
        except (StorageUnavailable, StorageFailed) as error:
            log.debug("%s stays: %s", id, error.message)

    def _aside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)
