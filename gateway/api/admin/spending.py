"""What keys and users spent in the current period of their budget, told with them by every read of the admin API."""

import logging
import time
from collections.abc import Iterable
from typing import Any

from gateway.admin.views import Limited, UserView
from gateway.api.services import Services
from gateway.errors import StorageFailed, StorageUnavailable
from gateway.settings.periods import period_name
from gateway.usage.types import NANOS

log = logging.getLogger("gateway")


async def with_spending(views: Iterable[Any], known: Services) -> list[Any]:
    """The views, with `spent_usd` where they have it; it stays unknown while the database cannot be read."""
    found, now = list(views), time.time()
    periods = {view.budget_period: period_name(view.budget_period, now) for view in found if isinstance(view, Limited)}
    if not periods:
        return found
    try:
        spent = await known.store.spent(list(periods.values()))
    except (StorageFailed, StorageUnavailable) as error:
        log.warning("what was spent cannot be read: %s", error.message)
        return found
    return [_told(view, spent.get((_scope(view), periods[view.budget_period]), 0)) for view in found]


def _told(view: Limited, nanos: int) -> Limited:
    return view.model_copy(update={"spent_usd": nanos / NANOS})


def _scope(view: Limited) -> str:
    return f"{'user' if isinstance(view, UserView) else 'key'}:{view.id}"
