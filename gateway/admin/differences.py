"""What a change changes, field by field, with secrets hidden: for dry runs and the audit log. Pure."""

from collections.abc import Mapping
from typing import Any

_BOOKKEEPING = frozenset({"version", "created_at", "updated_at", "used_by", "spent_usd", "keys", "status"})


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> dict[str, list[Any]]:
    """`{field: [before, after]}` of two views; a view that is missing counts as all null."""
    before, after = before or {}, after or {}
    return {
        name: [before.get(name), after.get(name)]
        for name in [*before, *(name for name in after if name not in before)]
        if name not in _BOOKKEEPING and before.get(name) != after.get(name)
    }
