"""Counters in Redis, for several instances: one script a reservation, one a settlement, by the clock of Redis."""

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway.access.counters.backend import LEASE, REMEMBERED, BackendLost, Booking, Verdict, kept_seconds
from gateway.access.counters.scripts import ADD, RENEW, RESERVE, SETTLE
from gateway.access.counters.verdicts import WINDOW, Use
from gateway.access.limits import Amount, BudgetPeriod
from gateway.errors import ConfigError
from gateway.settings.periods import period_name

_CONNECTIONS = 16
_TIMEOUT = 0.2
_FIELDS = 6
"""Of `Use`."""


class RedisBackend:
    """A `Backend`. `server_time` off: windows follow the caller's clock (for a Redis whose clock is wrong)."""

    name = "Redis"

    def __init__(self, url: str, prefix: str = "{gateway}", server_time: bool = True) -> None:
        """Connects at the first use. Raises ConfigError for a URL that cannot be one of Redis."""
        try:
            pool = BlockingConnectionPool.from_url(
                url,
                max_connections=_CONNECTIONS,
                timeout=_TIMEOUT,
                socket_timeout=_TIMEOUT,
                socket_connect_timeout=_TIMEOUT,
                retry=Retry(NoBackoff(), 0),
                decode_responses=True,
            )
        except ValueError as error:
            raise ConfigError(f"REDIS_URL: {error}") from None
        self._redis: Redis = Redis(connection_pool=pool)
        self._prefix = prefix
        self._server_time = server_time
        self._ahead = 0.0
        """Seconds by which the clock of Redis is ahead of ours."""
        self._reserve = self._redis.register_script(RESERVE)
        self._settle = self._redis.register_script(SETTLE)
        self._add = self._redis.register_script(ADD)
        self._renew = self._redis.register_script(RENEW)

    def clock(self, now: float) -> float:
        return now + self._ahead

    async def epoch(self) -> str:
        key = f"{self._prefix}:epoch"
        try:
            if self._server_time:
                seconds, micros = await self._redis.time()
                self._ahead = seconds + micros / 1e6 - time.time()
            await self._redis.set(key, secrets.token_hex(8), nx=True)
            return str(await self._redis.get(key))
        except (RedisError, OSError) as error:
            raise BackendLost(str(error)) from error

    async def reserve(self, booking: Booking, now: float) -> Verdict:
        most = booking.most
        arguments: list[Any] = [booking.id, "" if self._server_time else f"{now:.6f}", most.tokens, most.nanos]
        arguments += [LEASE, int(booking.settles), WINDOW]
        for limits, period in zip(booking.scopes, booking.periods, strict=True):
            bounds = (limits.rpm, limits.tpm, limits.max_parallel, limits.budget_nanos)
            arguments += [limits.scope, *(-1 if bound is None else bound for bound in bounds)]
            arguments += [period, kept_seconds(period)]
        admitted, second, epoch, at, *found = await self._run(self._reserve, arguments)
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
        await self._run(self._settle, arguments)

    async def renew(self, ids: Sequence[str]) -> None:
        await self._run(self._renew, [LEASE, *ids])

    async def add(self, id: str, spends: Mapping[tuple[str, str], tuple[int, int]]) -> None:
        arguments: list[Any] = [id, int(REMEMBERED)]
        for (scope, period), (floor, more) in spends.items():
            arguments += [scope, period, floor, more, kept_seconds(period)]
        await self._run(self._add, arguments)

    async def forget(self, scope: str) -> None:
        periods = [period_name(period, self.clock(time.time())) for period in BudgetPeriod]
        names = [f"window:{scope}", f"parallel:{scope}", *(f"spent:{scope}:{period}" for period in periods)]
        try:
            await self._redis.unlink(*(f"{self._prefix}:{name}" for name in names))
        except (RedisError, OSError) as error:
            raise BackendLost(str(error)) from error

    async def aclose(self) -> None:
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()

    async def _run(self, script: Any, arguments: list[Any]) -> Any:
        try:
            return await script(args=[self._prefix, *arguments])
        except (RedisError, OSError) as error:
            raise BackendLost(str(error)) from error


def _use(requests: str, tokens: str, parallel: str, spent: str, requests_wait: str, tokens_wait: str) -> Use:
    return Use(int(requests), int(tokens), int(parallel), int(spent), float(requests_wait), float(tokens_wait))
