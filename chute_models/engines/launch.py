"""From a spec to a command: one builder per runtime. Used by the supervisor each time it starts an engine."""

import contextlib
import os
from pathlib import Path

from chute_models.engine import Launch, Launcher
from chute_models.engines import vllm
from chute_models.engines.arguments import SECRET_VARIABLE
from chute_models.machine import Machine
from chute_models.spec import EngineSpec

_MODULE = {"transformers": "chute_models.engines.transformers", "rapidocr": "chute_models.engines.ocr"}


def make_launcher(machine: Machine, state_dir: Path) -> Launcher:
    """The launcher for this machine; what engines cache is kept below `state_dir`."""

    def launch(spec: EngineSpec, port: int, secret: str) -> Launch:
        if spec.runtime == "vllm":
            command, environment = vllm.command(spec, port, machine), vllm.environment(spec, secret, state_dir)
        else:
            command, environment = own_command(spec, port), own_environment(spec, secret, state_dir)
        return Launch((machine.engine_python, *command), environment)

    return launch


def own_command(spec: EngineSpec, port: int) -> list[str]:
    """Arguments for one of our own servers, see `chute_models.engines.arguments`."""
    command = ["-m", _MODULE[spec.runtime], "--kind", spec.kind, "--model", spec.source, "--name", spec.upstream_model]
    command += ["--port", str(port), "--device", spec.device, "--threads", str(spec.threads)]
    command += ["--max-running", str(spec.max_num_seqs), "--grace", str(spec.grace_seconds)]
    if spec.max_model_len:
        command += ["--max-model-len", str(spec.max_model_len)]
    if spec.kind == "chat" and spec.tool_parser == "hermes":
        command += ["--tool-parser", spec.tool_parser]
    if spec.dtype:
        command += ["--dtype", spec.dtype]
    if spec.revision:
        command += ["--revision", spec.revision]
    if spec.trust_remote_code:
        command += ["--trust-remote-code"]
    return command + list(spec.args)


def own_environment(spec: EngineSpec, secret: str, state_dir: Path) -> dict[str, str]:
    """Only this package is put on the path, never the folder it is installed in: that may be the gateway's own."""
    return {
        SECRET_VARIABLE: secret,
        "PYTHONPATH": str(package_path(state_dir)),
        "PYTHONSAFEPATH": "1",
        "OMP_NUM_THREADS": str(spec.threads),
    }


def package_path(state_dir: Path) -> Path:
    """A folder that holds nothing but a link to this package."""
    package = Path(__file__).resolve().parents[1]
    folder = state_dir.absolute() / "engines" / "path"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / package.name
    if not link.is_symlink() or link.readlink() != package:
        fresh = folder / f".{package.name}-{os.getpid()}"
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        fresh.symlink_to(package)
        fresh.replace(link)
    return folder
