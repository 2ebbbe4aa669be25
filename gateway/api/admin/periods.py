"""The query parameters of usage and requests: which period, and which requests of it."""

import time
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query

from gateway.settings.strict import separated
from gateway.usage.report import UsageFilter
from gateway.usage.types import NANOS

_DAY = 86_400.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = 253_370_764_800.0
"""The first second of the year 9999, which any zone can show."""


class Wanted:
    """Everything may be left out: then it is all requests of the last 24 hours. Lists are comma-separated."""

    def __init__(
        self,
        since: Annotated[datetime | None, Query(alias="from", description="Default: a day before `to`.")] = None,
        until: Annotated[datetime | None, Query(alias="to", description="Default: now.")] = None,
        model: Annotated[str, Query(description="Public model names.")] = "",
        key_id: str = "",
        user_id: str = "",
        provider_id: str = "",
        operation: str = "",
        status_from: Annotated[int | None, Query(ge=0, le=599)] = None,
        status_to: Annotated[int | None, Query(ge=0, le=599)] = None,
        error_code: str = "",
        stream: bool | None = None,
        cached: bool | None = None,
        min_latency_ms: Annotated[float | None, Query(ge=0, allow_inf_nan=False)] = None,
        min_tokens: Annotated[int | None, Query(ge=0, le=10**15)] = None,
        min_cost_usd: Annotated[float | None, Query(ge=0, le=10**9, allow_inf_nan=False)] = None,
        q: Annotated[str, Query(max_length=200, description="In the asked model, the request id and the error.")] = "",
    ) -> None:
        end = _seconds(until) if until else time.time()
        begin = _seconds(since) if since else end - _DAY
        nanos = None if min_cost_usd is None else round(min_cost_usd * NANOS)
        self.filter = UsageFilter(
            begin,
            end,
            models=tuple(separated(model)),
            key_ids=tuple(separated(key_id)),
            user_ids=tuple(separated(user_id)),
            provider_ids=tuple(separated(provider_id)),
            operations=tuple(separated(operation)),
            status_from=status_from,
            status_to=status_to,
            error_codes=tuple(separated(error_code)),
            stream=stream,
            cached=cached,
            min_latency_ms=min_latency_ms,
            min_tokens=min_tokens,
            min_cost_nanos=nanos,
            search=q,
        )


def _seconds(moment: datetime) -> float:
    """Since 1970, in UTC where no zone is given; what no request can be from is moved to the nearest that can."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((aware - _EPOCH).total_seconds(), 0.0), _LAST)
