"""`Tries`: what one request has tried so far. Kept by the dispatcher, told in headers, logs and usage rows."""

import time

import msgspec

from gateway.observe.traces import Trace
from gateway.routing.types import Attempt, Target


class Tries(msgspec.Struct):
    """What one request did so far. `upstream_seconds` is the time spent waiting for targets and pauses."""

    attempts: list[Attempt] = []
    upstream_seconds: float = 0.0
    trace: Trace | None = None
    refused: tuple[tuple[Target, str], ...] = ()
    """Targets that the request's rule forbids, with the reason."""

    @property
    def answered_by(self) -> Target | None:
        """The latest that did; behind it may stand one that it overtook."""
        for attempt in reversed(self.attempts):
            if attempt.outcome == "200":
                return attempt.target
        return None

    def discard(self) -> None:
        """Nobody got anything of the latest answer."""
        latest = next((attempt for attempt in reversed(self.attempts) if attempt.outcome == "200"), None)
        if latest is not None:
            latest.outcome = "cancelled"

    def add(self, attempt: Attempt) -> None:
        """It is over now."""
        attempt.seconds = time.monotonic() - attempt.started
        self.attempts.append(attempt)
        self.upstream_seconds += attempt.seconds
