"""What shared counters need of Redis or of a file: steps that happen wholly or not at all. Used by `SharedCounters`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.access.counters.verdicts import Use
from gateway.access.limits import Amount, Limits

LEASE = 60.0
"""Seconds after which a reservation that nobody renews is undone: its process died, or its answer was lost."""
REMEMBERED = 600.0
"""Seconds for which a settled reservation is remembered, so that settling it again changes nothing."""


_KEPT_DAYS = {"day": 8, "week": 21, "month": 70}


def kept_seconds(period: str) -> int:
    """How long after its last change a sum is kept; 0: for ever."""
    return _KEPT_DAYS.get(period.partition(":")[0], 0) * 86_400


class BackendLost(Exception):
    """The backend cannot be reached. Whether the step happened is not known."""


@dataclass(frozen=True, slots=True)
class Booking:
    """One reservation: for each scope its limits and the name of its budget window. `second` is that of the window."""

    id: str
    scopes: Sequence[Limits]
    periods: Sequence[str]
    most: Amount
    second: int = 0

    @property
    def settles(self) -> bool:
        """Whether there is anything to settle: a count of requests alone stays as it is."""
        return any(
            limits.tpm is not None or limits.max_parallel is not None or limits.budget_nanos is not None
            for limits in self.scopes
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """`uses` are those before the request. `epoch` changes when the backend has forgotten everything."""

    admitted: bool
    uses: Sequence[Use]
    second: int
    epoch: str


class Backend(Protocol):
    """Every step raises BackendLost when it could not be taken."""

    name: str
    """For the log and for the health page."""
    patience: float
    """Seconds that a request waits for it, before this process counts alone."""

    def clock(self, now: float) -> float:
        """`now` by the clock that all who share the backend have in common, as far as it is known."""
        ...

    async def epoch(self) -> str: ...

    async def reserve(self, booking: Booking, now: float) -> Verdict: ...

    async def settle(self, booking: Booking, actual: Amount) -> None:
        """Books the actual amount where the reservation is not known any more. Twice is as good as once."""
        ...

    async def renew(self, ids: Sequence[str]) -> None:
        """Keeps these reservations for another `LEASE` seconds."""
        ...

    async def add(self, id: str, spends: Mapping[tuple[str, str], tuple[int, int]]) -> None:
        """`{(scope, period): (floor, more)}`: raises what was spent to the floor, then adds. Once for each id."""
        ...

    async def forget(self, scope: str, mark: str) -> None: ...

    async def aclose(self) -> None: ...
