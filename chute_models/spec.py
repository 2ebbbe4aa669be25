"""What to run as one local engine: the result of planning, the input of the supervisor."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

KINDS = ("chat", "embedding", "transcription", "ocr")
RUNTIMES = ("vllm", "transformers", "rapidocr")


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """One engine. `model` is the public name, `source` a directory or a hub id, `upstream_model` the engine's own name.

    `memory_gb` is the share of the GPU (or, on a CPU, of RAM) it may take. `cache_gb` is the part kept for vLLM's
    key-value cache. `hub` lets it download. `expected_seconds` is a guess of how long a start takes.
    """

    name: str
    kind: str
    model: str
    source: str
    runtime: str
    upstream_model: str
    device: str = "cpu"
    memory_gb: float = 1.0
    gpu_fraction: float | None = None
    cache_gb: float | None = None
    max_model_len: int | None = None
    max_num_seqs: int = 8
    dtype: str | None = None
    tool_parser: str | None = None
    reasoning_parser: str | None = None
    revision: str | None = None
    trust_remote_code: bool = False
    threads: int = 1
    args: tuple[str, ...] = ()
    grace_seconds: float = 8.0
    expected_seconds: float = 30.0
    hub: bool = False
    demo: bool = False


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """One entry under `engines:` after reading; None means: as the defaults of the machine say.

    `model` is a bundled name, a directory or a hub id; `name` the public name when it shall differ.
    """

    kind: str | None = None
    model: str | None = None
    name: str | None = None
    runtime: str | None = None
    device: str | None = None
    memory_gb: float | None = None
    cache_gb: float | None = None
    max_model_len: int | None = None
    max_num_seqs: int | None = None
    dtype: str | None = None
    tool_parser: str | None = None
    reasoning_parser: str | None = None
    revision: str | None = None
    trust_remote_code: bool | None = None
    threads: int | None = None
    args: tuple[str, ...] | None = None
    enabled: bool | None = None


_TYPES: dict[str, tuple[type, ...]] = {
    "memory_gb": (int, float),
    "cache_gb": (int, float),
    "max_model_len": (int,),
    "max_num_seqs": (int,),
    "threads": (int,),
    "trust_remote_code": (bool,),
    "enabled": (bool,),
    "args": (list, tuple),
}
_CHOICES = {"kind": KINDS, "runtime": ("auto", *RUNTIMES), "device": ("auto", "cpu", "cuda")}
_KEYS = tuple(field.name for field in fields(EngineConfig))


def read_config(engine: str, value: Any) -> EngineConfig:
    """One value under `engines:`: a mapping, a model's name, or true/false. Raises ValueError naming the key."""
    if isinstance(value, bool):
        return EngineConfig(enabled=value)
    if value is None or value == "off":
        return EngineConfig(enabled=value is None)
    if isinstance(value, str):
        return EngineConfig(model=value)
    if not isinstance(value, Mapping):
        raise ValueError(f"engines.{engine}: expected a mapping, a model name or false")
    return EngineConfig(**dict(_checked(engine, str(key), item) for key, item in value.items() if item is not None))


def _checked(engine: str, key: str, value: Any) -> tuple[str, Any]:
    name = re.sub(r"(?<=[a-z])([A-Z])", lambda match: "_" + match[1].lower(), key)
    where = f"engines.{engine}.{key}"
    if name not in _KEYS:
        raise ValueError(f"{where}: unknown key; known are {', '.join(_KEYS)}")
    expected = _TYPES.get(name, (str,))
    if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
        raise ValueError(f"{where}: expected {' or '.join(kind.__name__ for kind in expected)}")
    if name in _CHOICES and value not in _CHOICES[name]:
        raise ValueError(f"{where}: {value!r} is not one of {', '.join(_CHOICES[name])}")
    if isinstance(value, int | float) and not isinstance(value, bool) and value <= 0:
        raise ValueError(f"{where}: must be greater than zero")
    if isinstance(value, str) and not value:
        raise ValueError(f"{where}: must not be empty")
    if isinstance(value, list | tuple):
        return name, tuple(str(item) for item in value)
    return name, value
