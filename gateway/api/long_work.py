"""Answers that take long: they become jobs, or their callers get spaces while they wait. Called by `inference`, and
only for who prefers it or where a front or a setting asks for it."""

import asyncio
import json
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from gateway.api.exchange import Exchange
from gateway.dialects import DIALECTS
from gateway.errors import GatewayError
from gateway.jobs.documents import PATH, document
from gateway.jobs.hooks import read_hook
from gateway.jobs.preference import RESPOND_ASYNC, read_preference
from gateway.jobs.runner import Runner
from gateway.openai_api.audio import AudioOptions
from gateway.openai_api.call import Call, Reply
from gateway.openai_api.operations import SPEECH
from gateway.pipeline.account import Account
from gateway.providers.webhooks import Receiver
from gateway.store.job_rows import JobRow

_JSON = "application/json"
_SPACE = b" "
"""Before a JSON text it says nothing (RFC 8259, section 2)."""
_ASK_AGAIN = 5


@dataclass(frozen=True, slots=True)
class Patience:
    """What happens by itself: after `hand_over` seconds a job, every `space` seconds a space; 0: never."""

    hand_over: float = 0
    space: float = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """`after`: seconds until the request is to be a job; None: never. `asked`: it is the caller who wants it."""

    after: float | None
    space: float
    asked: bool = False
    hook: Receiver | None = None


async def read_waiting(
    exchange: Exchange, call: Call, account: Account, patience: Patience, runner: Runner | None
) -> Waiting:
    """Raises InvalidRequest for what cannot be meant, RateLimited for a caller with too many jobs."""
    if runner is None or not runner.limits.max_open:
        return Waiting(None, _space(call, patience))
    wait = read_preference(exchange.headers.get("prefer", ""))
    if wait is None and not patience.hand_over:
        return Waiting(None, _space(call, patience))
    hook = await read_hook(exchange.headers, runner.rules)
    if wait is None:
        return Waiting(patience.hand_over, _space(call, patience), hook=hook)
    await runner.check_room(account.caller)
    return Waiting(wait, 0, True, hook)


def _space(call: Call, patience: Patience) -> float:
    """Only what is answered in JSON can have spaces before it."""
    options = call.options
    is_text = isinstance(options, AudioOptions) and options.response_format not in ("json", "verbose_json")
    return 0 if is_text or call.operation is SPEECH else patience.space


class LongWork:
    """One request whose caller waits, for the answer or for word that it is a job."""

    def __init__(self, exchange: Exchange, account: Account, waiting: Waiting, runner: Runner | None) -> None:
        self._exchange, self._account, self._waiting, self._runner = exchange, account, waiting, runner
        self._begun = exchange.received if not waiting.asked else time.monotonic()
        self._padded = False
        self.job: JobRow | None = None
        """What became of it: then its account is the job's."""
        self.error: GatewayError | None = None
        """What it was answered with behind spaces."""

    async def answer(self, work: Coroutine[Any, Any, Reply]) -> Reply | None:
        """The reply to send; None where it was sent. Raises what the work raises. A caller who leaves ends the work."""
        task = asyncio.create_task(work)
        try:
            reply = await self._reply(task)
        except GatewayError as error:
            if not self._padded:
                raise
            self.error = error
            status, _, body = self._exchange.render(error)
        except BaseException:
            await _end(task)
            raise
        else:
            if not self._padded:
                return reply
            assert isinstance(reply.body, bytes)  # what streams has no spaces before it
            status, body = reply.status, reply.body
        await self._exchange.end_padded(body)
        self._exchange.status = status
        return None

    async def _reply(self, task: asyncio.Task[Reply]) -> Reply:
        waiting = self._waiting
        await self._wait(task, None if waiting.after is None else self._begun + waiting.after)
        if not task.done() and self._runner is not None:
            exchange = self._exchange
            self.job = await self._runner.take(
                task,
                self._account,
                exchange.request_id,
                exchange.received,
                waiting.hook,
                DIALECTS.get(exchange.path),
            )
            if self.job is not None:
                return _accepted(self.job, waiting)
            await self._wait(task, None)
        return task.result()

    async def _wait(self, task: asyncio.Task[Reply], end: float | None) -> None:
        """Until the task is done or the moment has come; the task runs at least to where it first waits itself."""
        space = self._waiting.space
        while True:
            left = None if end is None else max(0.0, end - time.monotonic())
            pause = left if not space else space if left is None else min(space, left)
            await asyncio.wait({task}, timeout=pause)
            if task.done() or (end is not None and time.monotonic() >= end):
                return
            if space:
                self._padded = True
                await self._exchange.pad(_SPACE)


def _accepted(row: JobRow, waiting: Waiting) -> Reply:
    headers = {"location": f"{PATH}/{row.id}", "retry-after": str(_ASK_AGAIN)}
    if waiting.asked:
        headers["preference-applied"] = RESPOND_ASYNC
    return Reply(202, _JSON, json.dumps(document(row)).encode(), headers)


async def _end(task: asyncio.Task[Reply]) -> None:
    """Whoever was asked is let go of before anything else is done."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()
