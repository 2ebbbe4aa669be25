"""Counters in Redis, for several instances: one script a reservation, one a settlement, by the clock of Redis."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from gateway.access.counters.backend import LEASE, REMEMBERED, BackendLost, Booking, Verdict, kept_seconds
from gateway.access.counters.batches import Batches
from gateway.access.counters.scripts import ADD, EPOCH, FORGET, RENEW, RESERVE, SETTLE
from gateway.access.counters.verdicts import WINDOW, Use
from gateway.access.limits import Amount, BudgetPeriod
from gateway.errors import ConfigError
from gateway.settings.periods import period_name

_TIMEOUT = 2.0
"""Seconds until a connection is given up; requests do not wait so long."""
_FIELDS = 6
"""Of `Use`."""
_SCRIPTS = (RESERVE, SETTLE, ADD, RENEW, EPOCH, FORGET)
_DIGESTS = {script: hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest() for script in _SCRIPTS}
_Step = tuple[str, list[Any]]
"""A script and its arguments."""


class RedisBackend:
    """A `Backend`. `server_time` off: windows follow the caller's clock (for a Redis whose clock is wrong)."""

    name = "Redis"

    def __init__(
        self,
        url: str,
        prefix: str = "{gateway}",
        server_time: bool = True,
        lease: float = LEASE,
        patience: float = 0.25,
    ) -> None:
        """Connects at the first use. Raises ConfigError for a URL that cannot be one of Redis."""
        try:
            self._redis: Redis = Redis.from_url(
                url,
                socket_timeout=_TIMEOUT,
                socket_connect_timeout=_TIMEOUT,
                retry=Retry(NoBackoff(), 0),
                decode_responses=True,
            )
        except ValueError as error:
            raise ConfigError(f"REDIS_URL: {error}") from None
        self._batches = Batches(self._send)
        self._prefix = prefix
        self._lease = lease
        self.patience = patience
        self._server_time = server_time
        self._ahead = 0.0
        """Seconds by which the clock of Redis is ahead of ours."""

    def clock(self, now: float) -> float:
        return now + self._ahead

    async def epoch(self) -> str:
        epoch, at = await self._run(EPOCH, [])
        if self._server_time:
            self._ahead = float(at) - time.time()
        return str(epoch)

    async def reserve(self, booking: Booking, now: float) -> Verdict:
        most = booking.most
        arguments: list[Any] = [booking.id, "" if self._server_time else f"{now:.6f}", most.tokens, most.nanos]
        arguments += [self._lease, int(booking.settles), WINDOW]
        for limits, period in zip(booking.scopes, booking.periods, strict=True):
            bounds = (limits.rpm, limits.tpm, limits.max_parallel, limits.budget_nanos)
            arguments += [limits.scope, *(-1 if bound is None else bound for bound in bounds)]
            arguments += [period, kept_seconds(period)]
        admitted, second, epoch, at, *found = orjson.loads(await self._run(RESERVE, arguments))
        if self._server_time:
            self._ahead = float(at) - time.time()
        rows = [found[n : n + _FIELDS] for n in range(0, len(found), _FIELDS)]
        return Verdict(bool(admitted), [_use(*row) for row in rows], second, epoch)

    async def settle(self, booking: Booking, actual: Amount) -> None:
        if not booking.settles:
            return
        reserved = booking.most
        arguments: list[Any] = [booking.id, actual.tokens - reserved.tokens, actual.nanos, reserved.nanos]
        arguments += [int(REMEMBERED), booking.second]
        for limits, period in zip(booking.scopes, booking.periods, strict=True):
            counted = (int(limits.tpm is not None), int(limits.max_parallel is not None))
            arguments += [limits.scope, *counted, period, kept_seconds(period)]
        await self._run(SETTLE, arguments)

    async def renew(self, ids: Sequence[str]) -> None:
        await self._run(RENEW, [self._lease, *ids])

    async def add(self, id: str, spends: Mapping[tuple[str, str], tuple[int, int]]) -> None:
        arguments: list[Any] = [id, int(REMEMBERED)]
        for (scope, period), (floor, more) in spends.items():
            arguments += [scope, period, floor, more, kept_seconds(period)]
        await self._run(ADD, arguments)

    async def forget(self, scope: str, mark: str) -> None:
        windows = [period_name(period, self.clock(time.time())) + mark for period in BudgetPeriod]
        await self._run(FORGET, [scope, *windows])

    async def aclose(self) -> None:
        await self._batches.aclose()
        await self._redis.aclose()

    async def _run(self, script: str, arguments: list[Any]) -> Any:
        return await self._batches.ask((script, [self._prefix, *arguments]))

    async def _send(self, steps: Sequence[_Step]) -> list[Any]:
        try:
            answers = await self._evaluate(steps)
            unknown = [n for n, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
            if unknown:
                for script in _SCRIPTS:
                    await self._redis.script_load(script)
                for n, answer in zip(unknown, await self._evaluate([steps[n] for n in unknown]), strict=True):
                    answers[n] = answer
        except (RedisError, OSError) as error:
            raise BackendLost(str(error)) from error
        return answers

    async def _evaluate(self, steps: Sequence[_Step]) -> list[Any]:
        pipeline = self._redis.pipeline(transaction=False)
        for script, arguments in steps:
            pipeline.evalsha(_DIGESTS[script], 0, orjson.dumps([str(one) for one in arguments]))
        return list(await pipeline.execute(raise_on_error=False))


def _use(requests: str, tokens: str, parallel: str, spent: str, requests_wait: str, tokens_wait: str) -> Use:
    return Use(int(requests), int(tokens), int(parallel), int(spent), float(requests_wait), float(tokens_wait))
