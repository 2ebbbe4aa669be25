"""Whether the planned engines fit into the machine's memory, and how much an unknown model may need."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chute_models.machine import GIB, Machine
from chute_models.spec import EngineSpec

USABLE = 0.95
"""Of a GPU's or machine's memory; the rest is the driver's, the system's and the gateway's."""
_PARAMETERS = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)\s*([bBmM])(?![a-zA-Z])")
_OVERHEAD_GB = 1.5
_UNKNOWN_GB = 4.0


@dataclass(frozen=True, slots=True)
class Fit:
    """`explanation` is for people: what it takes, and what is then left of the memory."""

    fits: bool
    explanation: str


def fits(specs: Sequence[EngineSpec], machine: Machine) -> dict[str, Fit]:
    """Engine by engine in order, GPU and RAM counted apart."""
    left = {"cuda": machine.gpu.memory_gb * USABLE if machine.gpu else 0.0, "cpu": machine.memory_gb * USABLE}
    place = {"cuda": machine.gpu.name if machine.gpu else "a GPU, which there is not", "cpu": "RAM"}
    found = {}
    for spec in specs:
        left[spec.device] -= spec.memory_gb
        rest = left[spec.device]
        verdict = f"{rest:.1f} GiB left" if rest >= 0 else f"{-rest:.1f} GiB too much"
        found[spec.name] = Fit(rest >= 0, f"{spec.memory_gb:.1f} GiB of {place[spec.device]}, {verdict}")
    return found


def estimate_gb(source: str, device: str) -> float:
    """From the size of the weights in a directory, else from the parameter count in the name ("Qwen3-0.6B")."""
    width = 2.0 if device == "cpu" else 1.0
    folder = Path(source)
    if folder.is_dir():
        size = sum(file.stat().st_size for file in folder.rglob("*.safetensors"))
        return round(size * width / GIB * 1.1 + _OVERHEAD_GB, 1)
    counts = [float(number) * (1 if unit in "bB" else 0.001) for number, unit in _PARAMETERS.findall(source)]
    if not counts:
        return _UNKNOWN_GB
    return round(max(counts) * 2.0 * width * 1.1 + _OVERHEAD_GB, 1)
