"""Bounds what goes beyond one try a request to a share of the traffic: retries, hedged requests. Pure."""

SHARE = 0.2
"""Retries per request, in the long run."""
RESERVE = 20.0
"""Retries that may come at once, after a quiet time."""


class Budget:
    """Each request earns `share` of one; what is spent is a whole one. At most `reserve` are kept, `saved` at first."""

    def __init__(self, share: float = SHARE, reserve: float = RESERVE, saved: float = RESERVE) -> None:
        self._share, self._reserve = share, reserve
        self._tokens = saved

    def earn(self) -> None:
        if self._tokens < self._reserve:
            self._tokens = min(self._reserve, self._tokens + self._share)

    def spend(self) -> bool:
        """False when nothing is left."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
