"""Counters of an engine server in the Prometheus text format."""

import threading
from collections import Counter
from collections.abc import Callable

from chute_models.engines.worker import Worker


class Metrics:
    """Counters by name; thread-safe. `device_memory` tells the bytes that the model's device holds for this process;
    None where that is the machine's own memory."""

    def __init__(self) -> None:
        self.device_memory: Callable[[], int] | None = None
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str, amount: float = 1) -> None:
        with self._lock:
            self._counts[name] += amount  # type: ignore[assignment]  # typeshed counts whole numbers only

    def render(self, worker: Worker) -> str:
        """The names follow vLLM's, so that one reader understands both."""
        gauges = {"engine:num_requests_running": worker.running, "engine:num_requests_waiting": worker.waiting}
        if self.device_memory is not None:
            gauges["engine:device_memory_bytes"] = self.device_memory()
        lines = []
        for name, value in gauges.items():
            lines += [f"# TYPE {name} gauge", f"{name} {value}"]
        with self._lock:
            counts = sorted(self._counts.items())
        for name, count in counts:
            lines += [f"# TYPE engine:{name}_total counter", f"engine:{name}_total {count:g}"]
        return "\n".join(lines) + "\n"
