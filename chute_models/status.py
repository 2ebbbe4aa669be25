"""What the supervisor tells about an engine. Has the attributes of the gateway's port `EngineStatus`."""

from dataclasses import dataclass

LOADING, READY, DRAINING, FAILED, STOPPED = "loading", "ready", "draining", "failed", "stopped"


@dataclass(frozen=True, slots=True)
class Status:
    """One engine at one moment.

    `phase` is queued, downloading, loading, warming, ready, restarting or failed, and draining or stopped in those
    states. `elapsed`: seconds since this start began, once ready how long it took. `rss` and `gpu_memory` in bytes, as
    last measured; `gpu_memory` is None where the system does not tell it.
    """

    name: str
    kind: str
    model: str
    runtime: str
    state: str
    phase: str
    percent: float | None
    elapsed: float
    retry_after: float
    error: str | None
    restarts: int
    address: str
    secret: str
    upstream_model: str
    demo: bool
    pid: int | None
    rss: int
    gpu_memory: int | None = None

    def __repr__(self) -> str:
        return f"Status(name={self.name!r}, model={self.model!r}, state={self.state!r}, phase={self.phase!r})"


@dataclass(frozen=True, slots=True)
class Timing:
    """How patient the supervisor is; all in seconds.

    hang_after: a ready engine whose health does not answer this long, with no output meanwhile, is killed; with output,
    after stall_after. stall_after: the same for a starting engine that neither prints nor uses the CPU. start_limit
    bounds any start.
    """

    loading_probe: float = 0.25
    ready_probe: float = 2.0
    probe_timeout: float = 5.0
    measure_every: float = 10.0
    hang_after: float = 30.0
    stall_after: float = 300.0
    start_limit: float = 3600.0
    backoff_first: float = 1.0
    backoff_max: float = 60.0
    stable_after: float = 60.0
    kill_margin: float = 3.0
    failed_starts: int = 3
    """So many starts in a row that never became ready mean failure."""
