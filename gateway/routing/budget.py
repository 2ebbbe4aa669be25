"""Bounds retries to a share of the traffic, so that a sick provider is not drowned in second tries. Pure."""

SHARE = 0.2
"""Retries per request, in the long run."""
RESERVE = 20.0
"""Retries that may come at once, after a quiet time."""


class RetryBudget:
    """Each request earns a part of a retry; each retry spends a whole one."""

    def __init__(self) -> None:
        self._tokens = RESERVE

    def earn(self) -> None:
        self._tokens = min(RESERVE, self._tokens + SHARE)

    def spend(self) -> bool:
        """False when nothing is left: the failure is passed on instead."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
