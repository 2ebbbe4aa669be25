"""`gateway usage`: what was asked and what it cost, as a table from the database."""

import argparse
import csv
import sys
import time
from collections.abc import Sequence

from gateway.cli.commands import Commands
from gateway.cli.durations import seconds
from gateway.cli.offline import with_store
from gateway.cli.tables import table
from gateway.errors import ConfigError
from gateway.settings import LoadedSettings
from gateway.store.records import Resource
from gateway.store.store import Store
from gateway.store.usage_reports import UsageReports
from gateway.usage.export import safe
from gateway.usage.report import Figures, Group, GroupBy, UsageFilter
from gateway.usage.types import NANOS

_BY = (GroupBy.MODEL, GroupBy.KEY, GroupBy.USER, GroupBy.PROVIDER)
_MOST = 1000
_DAY = 86_400.0
_NAMED = {GroupBy.KEY: (Resource.APIKEYS, "name"), GroupBy.USER: (Resource.USERS, "username")}
_HEAD = ("requests", "success %", "input tokens", "output tokens", "cost USD", "p50 ms", "p95 ms")


def declare(commands: Commands) -> None:
    command = commands.add("usage", _usage, "what was asked and what it cost")
    command.add_argument("--since", type=seconds, default=_DAY, help="how far back, such as 12h or 30d (default 1d)")
    command.add_argument(
        "--by", choices=[str(one) for one in _BY], default="model", help="a row for each (default model)"
    )
    command.add_argument("--csv", action="store_true", help="comma-separated values")


def _usage(loaded: LoadedSettings, options: argparse.Namespace) -> None:
    if not options.since:
        raise ConfigError("--since must be more than 0 seconds")
    since, by = options.since, GroupBy(options.by)

    async def work(store: Store) -> None:
        rows, head = await _rows(store, since, by), (str(by), *_HEAD)
        if options.csv:
            csv.writer(sys.stdout).writerows([head, *(map(safe, row) for row in rows)])
        else:
            print(table(head, rows))

    with_store(loaded, work)


async def _rows(store: Store, since: float, by: GroupBy) -> list[Sequence[object]]:
    """The groups with the most requests first, then the sum of all."""
    now = time.time()
    wanted, reports = UsageFilter(now - since, now + 1), UsageReports(store)
    groups, total = await reports.groups(wanted, by, _MOST), await reports.totals(wanted)
    names = await _names(store, by)
    return [*(_row(_label(group, names), group.figures) for group in groups), _row("(all)", total)]


async def _names(store: Store, by: GroupBy) -> dict[str, str]:
    """What people call the key or the user with an id."""
    if by not in _NAMED:
        return {}
    resource, field = _NAMED[by]
    return {record.id: str(record.document.get(field, "")) for record in await store.read(resource)}


def _label(group: Group, names: dict[str, str]) -> str:
    return names.get(group.label) or group.label or "(none)"


def _row(label: str, figures: Figures) -> Sequence[object]:
    success = None if figures.success is None else round(figures.success * 100, 2)
    times = (None if one is None else round(one, 1) for one in (figures.latency.p50, figures.latency.p95))
    cost = round(figures.cost_nanos / NANOS, 6)
    return (label, figures.requests, success, figures.input_tokens, figures.output_tokens, cost, *times)
