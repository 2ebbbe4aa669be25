"""How much GPU memory processes hold, as nvidia-smi tells it. Asked by the supervisor where there is a GPU."""

import subprocess
import time
from collections.abc import Iterable, Mapping
from functools import lru_cache

from chute_models.machine import read_gpus

_EVERY = 10.0
"""Seconds for which one answer is good: several engines ask at about the same time."""
_MIB = 2**20
_QUERY = ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]


def gpu_memory(pids: Iterable[int]) -> int | None:
    """Bytes of all these processes. None without a GPU, and where none of them is listed: containers often hide it."""
    if not read_gpus():
        return None
    held = _held(int(time.monotonic() / _EVERY))
    found = [held[pid] for pid in pids if pid in held]
    return sum(found) if found else None


@lru_cache(maxsize=1)
def _held(_: int) -> Mapping[int, int]:
    try:
        done = subprocess.run(_QUERY, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return {}
    return read_held(done.stdout)


def read_held(text: str) -> dict[int, int]:
    """Bytes by process, of lines `pid, MiB`; a process may be on several GPUs. What is not told is left out."""
    held: dict[int, int] = {}
    for line in text.splitlines():
        pid, _, size = (part.strip() for part in line.partition(","))
        if pid.isdigit() and size.isdigit():
            held[int(pid)] = held.get(int(pid), 0) + int(size) * _MIB
    return held
