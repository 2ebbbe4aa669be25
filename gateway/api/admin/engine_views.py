"""What a local engine looks like over HTTP, and live: what it is, how far it is, how busy and how fast."""

from typing import Any

from pydantic import BaseModel, Field

from gateway.providers.engines import EngineState, EngineStatus
from gateway.routing.vitals import EngineLoad
from gateway.state import State

_PLAIN = ("name", "kind", "model", "runtime", "state", "phase", "percent", "error", "restarts", "demo")


class EngineView(BaseModel):
    """What the engine says of itself is null while it is not ready, and where it does not say it."""

    name: str
    kind: str
    model: str
    runtime: str
    state: str
    phase: str
    percent: float | None = Field(description="Of loading, 0 to 100, where it is known.")
    elapsed: float = Field(description="Seconds since this start began; once ready, how long it took.")
    retry_after: float = Field(description="Seconds until it may be ready, guessed.")
    error: str | None
    restarts: int
    demo: bool
    in_flight: int = Field(description="Calls of this gateway that it has not finished.")
    running: float | None = Field(description="Calls that it works on.")
    waiting: float | None = Field(description="Calls that wait in it.")
    cache_use: float | None = Field(description="Share of its key-value cache in use, 0 to 1.")
    output_speed: float | None = Field(description="Tokens written a second, over the last 10 seconds, all calls.")
    input_speed: float | None = Field(description="Tokens read a second, the same.")
    memory_bytes: int | None = Field(description="Memory of its processes.")
    gpu_memory_bytes: int | None = Field(description="GPU memory, as it or the system tells.")


def engine_view(status: EngineStatus, state: State) -> EngineView:
    ready = status.state == EngineState.READY
    load = state.dispatcher.vitals.loads.get(status.name) if ready else None
    return EngineView(
        **{name: getattr(status, name) for name in _PLAIN},
        elapsed=round(status.elapsed, 1),
        retry_after=round(status.retry_after, 1),
        in_flight=state.dispatcher.in_flight(status.name),
        memory_bytes=status.rss or None,
        **_said(load, status),
    )


def _said(load: EngineLoad | None, status: EngineStatus) -> dict[str, Any]:
    """Speeds to a tenth: less says nothing, and would be told live again and again."""
    device = load.device_memory if load else status.gpu_memory
    return {
        "running": load.running if load else None,
        "waiting": load.waiting if load else None,
        "cache_use": load.memory if load else None,
        "output_speed": _rounded(load.output_speed) if load else None,
        "input_speed": _rounded(load.input_speed) if load else None,
        "gpu_memory_bytes": None if device is None else int(device),
    }


def _rounded(speed: float | None) -> float | None:
    return None if speed is None else round(speed, 1)
