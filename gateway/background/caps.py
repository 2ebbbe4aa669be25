"""Reads what Chutes tells of an account's caps and quotas. Pure; for `signals`.

Source of the shapes: the platform's published API source, as read.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.routing.forecast import Window


def read_caps(document: Any) -> tuple[Window, ...]:
    """Of `GET /users/me/subscription_usage`, in USD."""
    found = []
    for key, name in (("four_hour", "4-hour cap"), ("monthly", "monthly cap")):
        row = document.get(key) if isinstance(document, Mapping) else None
        if isinstance(row, Mapping) and (cap := _number(row.get("cap"))):
            found.append(Window(name, _number(row.get("usage")) or 0.0, cap, "USD", _moment(row.get("reset_at"))))
    return tuple(found)


def read_quota(document: Any) -> tuple[Window, ...]:
    """Of `GET /users/me/quota_usage/*`, in requests; a quota of 0 means that the account pays for each."""
    row = document if isinstance(document, Mapping) else {}
    quota = _number(row.get("quota"))
    if not quota:
        return ()
    return (Window("daily requests", _number(row.get("used")) or 0.0, quota, "requests"),)


def read_quotas(document: Any) -> frozenset[str]:
    """Of `GET /users/me/quotas`: ids of the chutes that have a quota of their own. It lists rows with `chute_id`, or is
    an object of ids and quotas; `*` stands for all other chutes."""
    if isinstance(document, Mapping):
        document = [{"chute_id": name} for name, quota in document.items() if _number(quota) is not None]
    rows = document if isinstance(document, list) else []
    found = (row.get("chute_id") for row in rows if isinstance(row, Mapping))
    return frozenset(name.lower() for name in found if isinstance(name, str) and name not in ("", "*"))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        return None
    return float(value)


def _moment(value: Any) -> float | None:
    """`time.time()` of an ISO 8601 text or of Unix seconds."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).timestamp()
        except ValueError:
            return None
    return _number(value)
