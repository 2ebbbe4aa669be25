"""Counters of an engine server in the Prometheus text format."""

import threading
from collections import Counter

from chute_models.engines.worker import Worker


class Metrics:
    """Counters by name; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str, amount: float = 1) -> None:
        with self._lock:
            self._counts[name] += amount  # type: ignore[assignment]  # typeshed counts whole numbers only

    def render(self, worker: Worker) -> str:
        """The names follow vLLM's, so that one reader understands both."""
        gauges = {"engine:num_requests_running": worker.running, "engine:num_requests_waiting": worker.waiting}
        lines = []
        for name, value in gauges.items():
            lines += [f"# TYPE {name} gauge", f"{name} {value}"]
        with self._lock:
            counts = sorted(self._counts.items())
        for name, count in counts:
            lines += [f"# TYPE engine:{name}_total counter", f"engine:{name}_total {count:g}"]
        return "\n".join(lines) + "\n"
