"""Which of a provider's keys a call uses: one that was limited rests, one that was refused is put away."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.errors import GatewayError, UpstreamCredentials, UpstreamQuota, UpstreamRateLimited
from gateway.providers.base import Provider

REST = 30.0
"""Seconds a limited key rests when the provider does not say how long."""
PUT_AWAY = 600.0
"""Seconds after which a refused key is tried again: it may have been renewed."""


@dataclass(slots=True)
class KeyState:
    """`until`: not used before. `reason`: the code of the error that put it away."""

    until: float = 0.0
    reason: str = ""


@dataclass(slots=True)
class KeyRing:
    """Keys are used in turn. `states` by position in `Provider.api_keys`."""

    states: dict[int, KeyState] = field(default_factory=dict)
    turn: int = 0

    def take(self, provider: Provider, now: float) -> int:
        """The position of the key to use; where all rest, the one that rests for the shortest time."""
        count = len(provider.api_keys)
        if count < 2:
            return 0
        self.turn = (self.turn + 1) % count
        positions = [(self.turn + n) % count for n in range(count)]
        return min(positions, key=lambda position: max(now, self._until(position)))

    def note(self, position: int, error: GatewayError, provider: Provider, now: float) -> bool:
        """What this failure says of the key. True when another key is free to be tried at once; where none is, the
        error's `retry_after` ends when the first of them is free again."""
        if isinstance(error, UpstreamRateLimited):
            pause = error.retry_after or REST
        elif isinstance(error, (UpstreamCredentials, UpstreamQuota)):
            pause = error.retry_after or PUT_AWAY
        else:
            return False
        self.states[position] = KeyState(now + pause, error.error_code or "")
        free = min((self._until(n) for n in range(len(provider.api_keys))), default=self._until(position))
        if free <= now:
            return True
        if error.retry_after:
            error.retry_after = min(error.retry_after, free - now)
        return False

    def _until(self, position: int) -> float:
        state = self.states.get(position)
        return state.until if state else 0.0


class KeyRings:
    """One ring for each provider, kept while the provider keeps its keys."""

    def __init__(self) -> None:
        self._rings: dict[str, tuple[tuple[str, ...], KeyRing]] = {}

    def __getitem__(self, provider: Provider) -> KeyRing:
        keys, ring = self._rings.get(provider.id, ((), None))
        if ring is None or keys != provider.api_keys:
            ring = KeyRing()
            self._rings[provider.id] = (provider.api_keys, ring)
        return ring

    def states(self, provider: Provider) -> Mapping[int, KeyState]:
        return self[provider].states
