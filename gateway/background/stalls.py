"""Which local engine says that it is well and yet answers nothing. Asked by `EngineLoads` at each of its looks."""

from dataclasses import dataclass

from gateway.providers.engines import EngineStatus
from gateway.routing.vitals import EngineLoad

LIMIT = 600.0
"""Seconds with calls in flight and not one token read or written: as long as a whole answer may take."""


@dataclass(slots=True)
class _Watched:
    """How far an engine was when it was last seen to move, and the seconds with calls in flight since then."""

    process: str
    tokens: tuple[float | None, float | None]
    at: float
    stalled: float = 0.0


class Stalls:
    """Only of engines that count each token as it comes: others may rightly be at one long piece of work."""

    def __init__(self) -> None:
        self._watched: dict[str, _Watched] = {}

    def found(self, engine: EngineStatus, load: EngineLoad | None, in_flight: int, now: float) -> bool:
        """Whether it has stood still for too long. `load` is None where it did not say what it does; `in_flight` are
        the calls that wait for it; `now` is monotonic. Told once: then it is watched anew."""
        if engine.runtime != "vllm" and engine.kind != "chat":
            return False
        watched = self._watched.get(engine.name)
        tokens = (load.written, load.read) if load else watched.tokens if watched else (None, None)
        if watched is None or (watched.process, watched.tokens) != (engine.address, tokens):
            self._watched[engine.name] = _Watched(engine.address, tokens, now)
            return False
        if in_flight and tokens != (None, None):
            watched.stalled += now - watched.at
        watched.at = now
        if watched.stalled < LIMIT:
            return False
        del self._watched[engine.name]
        return True
