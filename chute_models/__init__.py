"""Local engines: what the gateway can run beside itself.

`build` makes the supervisor, `describe` tells what it would run. Nothing here imports an engine library: those live in
an environment of their own, reached through its interpreter.
"""

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from chute_models.machine import Machine
    from chute_models.plan import Plan
    from chute_models.supervisor import Supervisor

PYTHON_VARIABLE = "CHUTE_ENGINE_PYTHON"


def build(
    engines: Literal["auto", "off"] | Sequence[str],
    configured: Mapping[str, Any] | None = None,
    *,
    state_dir: str | os.PathLike[str],
    engine_python: str | None = None,
    log: logging.Logger | None = None,
    model_hub: str | None = None,
) -> "Supervisor":
    """The supervisor of the planned engines, not yet started. Raises ValueError naming a bad configuration key.

    `engines`: auto, off or names. `configured`: the mapping under `engines:` of the configuration file.
    `engine_python`: the engines' interpreter, see `find_python`. `model_hub`: on, off or auto; the environment's
    `MODEL_HUB` and `HF_HUB_OFFLINE` when not given.
    """
    from chute_models.engines.launch import make_launcher
    from chute_models.supervisor import Supervisor

    logger = log or logging.getLogger("chute_models")
    folder = Path(state_dir)
    python = engine_python or find_python()
    chosen, machine = _plan(engines, configured, python, model_hub)
    for note in chosen.notes:
        logger.info("engines: %s", note)
    for name, fit in chosen.fits.items():
        if not fit.fits:
            logger.warning("engine %s does not fit: %s", name, fit.explanation)
    return Supervisor(
        chosen.specs,
        make_launcher(machine, folder),
        engine_python=python,
        state_dir=folder,
        log=logger,
        parallel_starts=machine.cores,
    )


def describe(
    engines: Literal["auto", "off"] | Sequence[str],
    configured: Mapping[str, Any] | None = None,
    *,
    engine_python: str | None = None,
    model_hub: str | None = None,
) -> dict[str, Any]:
    """What `build` would run, for people: `{"machine", "engines": [...], "notes": [...], "fits"}`, all plain values."""
    chosen, machine = _plan(engines, configured, engine_python or find_python(), model_hub)
    keys = ("name", "kind", "model", "source", "runtime", "device", "memory_gb", "max_model_len", "demo")
    return {
        "machine": {
            "gpus": [f"{gpu.name}, {gpu.memory_gb:.0f} GiB" for gpu in machine.gpus],
            "cores": machine.cores,
            "memory_gb": machine.memory_gb,
            "engine_python": machine.engine_python,
            "runtimes": [name for name in ("vllm", "transformers", "rapidocr") if name in machine.modules],
            "model_hub": machine.hub,
        },
        "engines": [
            {key: getattr(spec, key) for key in keys}
            | {"fits": chosen.fits[spec.name].fits, "memory": chosen.fits[spec.name].explanation}
            for spec in chosen.specs
        ],
        "notes": list(chosen.notes),
        "fits": all(fit.fits for fit in chosen.fits.values()),
    }


def find_python() -> str:
    """`CHUTE_ENGINE_PYTHON`, else `.venv-engines` beside this package or in the working directory, else this one."""
    if named := os.environ.get(PYTHON_VARIABLE):
        return named
    for folder in (Path(__file__).resolve().parent.parent, Path.cwd()):
        python = folder / ".venv-engines" / "bin" / "python"
        if python.exists():
            return str(python)
    return sys.executable


def _plan(
    engines: Literal["auto", "off"] | Sequence[str],
    configured: Mapping[str, Any] | None,
    python: str,
    model_hub: str | None,
) -> "tuple[Plan, Machine]":
    from chute_models.machine import Machine, probe
    from chute_models.plan import plan

    machine = Machine(engine_python=python) if engines == "off" else probe(python, os.environ, model_hub)
    return plan(engines, configured or {}, machine), machine
