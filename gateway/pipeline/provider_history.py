"""What each try of a request says of its provider, for the history. Called with rows that the recorder tells of."""

from collections import defaultdict
from collections.abc import Sequence

from gateway.routing.history import History
from gateway.usage.types import UsageRow

_NOTHING_SAID = frozenset({"cancelled", "overtaken"})
"""Outcomes of tries that nobody waited for."""
_REFUSALS = frozenset({400, 404, 413, 415, 422})
"""Statuses of requests that were at fault themselves."""
_LEFT = 499


def note_tries(rows: Sequence[UsageRow], history: History) -> None:
    """A stream that broke after it began counts as a failure of who answered last."""
    answers: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        attempts = row.attempts
        if len(attempts) == 1 and (only := attempts[0]).outcome == "200" and not row.error_code:  # nearly always
            answers[only.provider_id].append(only.ms)
            continue
        broken = row.error_code if row.status != _LEFT else ""
        told = [one for one in attempts if one.outcome not in _NOTHING_SAID]
        for one in told:
            is_last = one is told[-1]
            error = one.outcome if one.outcome != "200" else broken if is_last else ""
            if error:
                history.note_failure(one.provider_id, error, refused=is_last and row.status in _REFUSALS)
            else:
                answers[one.provider_id].append(one.ms)
    for provider, times in answers.items():
        history.note_answers(provider, times)
