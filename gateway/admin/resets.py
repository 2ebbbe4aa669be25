"""What a key, a user or everybody spent begins anew when an administrator says so. The record keeps what had been spent
by then; keys of the file and everybody together have one for that alone.

The sums in the database only rise, so each is told without that part. Counters go on under names of windows that no
request has used yet; what was reserved before is settled where it was reserved, in every worker.
"""

from collections.abc import Mapping
from typing import Any

from gateway.admin.directory import Directory
from gateway.state.callers import FILE, GLOBAL, RESET, window_mark
from gateway.store.records import Resource

SCOPES = {"key": Resource.APIKEYS, "user": Resource.USERS}
"""What has a budget and a record of its own, by the kind of its scope."""

Sums = Mapping[tuple[str, str], int]
"""`{(scope, period): nanos}`."""


LIMITS = "limits"
"""The setting whose budget is everybody's."""


def scope_of(resource: Resource, id: str) -> str:
    """Raises KeyError for what has no budget."""
    if (resource, id) == (Resource.SETTINGS, LIMITS):
        return GLOBAL
    kinds = {resource: kind for kind, resource in SCOPES.items()}
    return f"{kinds[resource]}:{id}"


def has_record(scope: str) -> bool:
    """Whether what has the budget is kept in the database itself."""
    return scope != GLOBAL and not scope.startswith(f"key:{FILE}")


def reset_at(now: float, scope: str, sums: Sums) -> dict[str, Any]:
    """What the record keeps. `sums` are those of the periods of this moment."""
    return {"at": now, "spent": {period: nanos for (one, period), nanos in sums.items() if one == scope}}


def since_resets(sums: Sums, directory: Directory) -> dict[tuple[str, str], int]:
    """What was spent since the scope's last reset."""
    return {
        (scope, period): _since(nanos, period, _fields(scope, directory)) for (scope, period), nanos in sums.items()
    }


def windows(sums: Sums, directory: Directory) -> dict[tuple[str, str], int]:
    """The same under the names that counters have for the windows."""
    found = since_resets(sums, directory)
    return {(scope, period + mark_of(scope, directory)): nanos for (scope, period), nanos in found.items()}


def mark_of(scope: str, directory: Directory) -> str:
    return window_mark(_fields(scope, directory))


def _since(nanos: int, period: str, fields: Mapping[str, Any]) -> int:
    before = fields[RESET]["spent"].get(period, 0) if RESET in fields else 0
    return max(0, nanos - before)


def _fields(scope: str, directory: Directory) -> Mapping[str, Any]:
    kind, _, id = scope.partition(":")
    record = directory.table(SCOPES[kind]).get(id) if kind in SCOPES else None
    record = record or directory.table(Resource.RESETS).get(scope)
    return record.document if record else {}
