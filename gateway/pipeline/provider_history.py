"""What each try of a request says of its provider, for the history. Called with rows that the recorder tells of."""

from gateway.routing.history import History
from gateway.usage.types import UsageRow

_NOTHING_SAID = frozenset({"cancelled", "overtaken"})
"""Outcomes of tries that nobody waited for."""
_REFUSALS = frozenset({400, 404, 413, 415, 422})
"""Statuses of requests that were at fault themselves."""
_LEFT = 499


def note_tries(row: UsageRow, history: History) -> None:
    """A stream that broke after it began counts as a failure of who answered last."""
    told = [one for one in row.attempts if one.outcome not in _NOTHING_SAID]
    last = len(told) - 1
    for n, one in enumerate(told):
        error = "" if one.outcome == "200" else one.outcome
        if n == last and not error and row.status != _LEFT:
            error = row.error_code
        refused = n == last and row.status in _REFUSALS
        history.note_try(one.provider_id, one.ms, error, refused=refused and bool(error))
