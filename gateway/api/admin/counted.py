"""What was counted of keys and users, told with them by every read of the admin API: what they spent in the current
period of their budget or since it was reset, and when each key was last used."""

import logging
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from gateway.admin.resets import LIMITS, scope_of, since_resets
from gateway.admin.views import ApiKeyView, Limited, SettingView, UserView, View
from gateway.api.services import Services
from gateway.errors import StorageFailed, StorageUnavailable
from gateway.settings.periods import period_name
from gateway.store.records import Resource
from gateway.usage.types import NANOS

log = logging.getLogger("gateway")


async def with_counts(views: Iterable[Any], known: Services) -> list[Any]:
    """The views, with `spent_usd` and `last_used_at` where they have them; both stay unknown while the database cannot
    be read."""
    found, now = list(views), time.time()
    periods = {period: period_name(period, now) for view in found if (period := _period(view))}
    if not periods:
        return found
    try:
        spent = since_resets(await known.store.spent(list(periods.values())), known.administration.directory)
        used = await known.store.last_used([view.id for view in found if isinstance(view, ApiKeyView)])
    except (StorageFailed, StorageUnavailable) as error:
        log.warning("what was counted cannot be read: %s", error.message)
        return found
    return [
        _told(view, spent.get((_scope(view), periods[period]), 0), used.get(view.id)) if period else view
        for view in found
        for period in [_period(view)]
    ]


def _period(view: View) -> str:
    """Empty for what has no budget."""
    if isinstance(view, SettingView):
        return str(view.value["budget_period"]) if view.id == LIMITS else ""
    return view.budget_period if isinstance(view, Limited) else ""


def _told(view: View, nanos: int, used: float | None) -> View:
    counts: dict[str, Any] = {"spent_usd": nanos / NANOS}
    if used is not None and isinstance(view, ApiKeyView):
        counts["last_used_at"] = datetime.fromtimestamp(used, UTC)
    return view.model_copy(update=counts)


def _scope(view: View) -> str:
    kinds = {UserView: Resource.USERS, ApiKeyView: Resource.APIKEYS, SettingView: Resource.SETTINGS}
    return scope_of(kinds[type(view)], view.id)
