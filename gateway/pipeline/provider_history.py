"""What each try of a request says of its provider, for the history. Called with rows that the recorder tells of."""

from gateway.routing.history import History
from gateway.usage.types import Tried, UsageRow

_NOTHING_SAID = frozenset({"cancelled", "overtaken"})
"""Outcomes of tries that nobody waited for."""
_REFUSALS = frozenset({400, 404, 413, 415, 422})
"""Statuses of requests that were at fault themselves."""
_LEFT = 499


def note_tries(row: UsageRow, history: History) -> None:
    """A stream that broke after it began counts as a failure of who answered last."""
    told = [one for one in row.attempts if one.outcome not in _NOTHING_SAID]
    if not told:
        return
    last = told.pop()
    for one in told:
        history.note_try(one.provider_id, one.ms, _error(one))
    error = _error(last) or ("" if row.status == _LEFT else row.error_code)
    history.note_try(last.provider_id, last.ms, error, refused=bool(error) and row.status in _REFUSALS)


def _error(tried: Tried) -> str:
    return "" if tried.outcome == "200" else tried.outcome
