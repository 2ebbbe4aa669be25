"""`Spending`: what rows cost, added up by scope and period. Used by the recorder."""

from collections.abc import Iterable
from operator import attrgetter

from gateway.settings.periods import PERIODS, period_name
from gateway.usage.types import Spend, UsageRow

_DAY = 86_400
_Bucket = tuple[str, str, int]
_cost = attrgetter("cost_nanos")


class Spending:
    """Costs by key, user and UTC day, unfolded into scopes and periods only when they are written."""

    def __init__(self) -> None:
        self._by_day: dict[_Bucket, int] = {}

    def __bool__(self) -> bool:
        return bool(self._by_day)

    def add(self, rows: Iterable[UsageRow]) -> None:
        days = self._by_day
        for row in filter(_cost, rows):
            bucket = (row.key_id, row.user_id, int(row.at // _DAY))
            days[bucket] = days.get(bucket, 0) + _cost(row)

    def join(self, other: "Spending") -> None:
        for bucket, nanos in other._by_day.items():
            self._by_day[bucket] = self._by_day.get(bucket, 0) + nanos

    def with_rows(self, rows: Iterable[UsageRow]) -> "Spending":
        """A new one that has these rows too."""
        made = Spending()
        made._by_day = dict(self._by_day)
        made.add(rows)
        return made

    def spends(self) -> list[Spend]:
        found: dict[tuple[str, str], int] = {}
        for (key_id, user_id, day), nanos in self._by_day.items():
            scopes = ["global", *([f"key:{key_id}"] if key_id else ()), *([f"user:{user_id}"] if user_id else ())]
            for period in PERIODS:
                name = period_name(period, day * _DAY)
                for scope in scopes:
                    found[scope, name] = found.get((scope, name), 0) + nanos
        return [Spend(scope, period, nanos) for (scope, period), nanos in found.items()]
