"""The command line and environment of a vLLM server. Flags and traps were measured with vLLM 0.32 on CPUs."""

import json
import os
from pathlib import Path

from chute_models.machine import GIB, Machine
from chute_models.spec import EngineSpec

_RUNNER = {"embedding": ["--runner", "pooling", "--convert", "embed"]}
_TINY_CACHE_GB = 1 / 16
_CPU_CACHE_GB = 1.0
_GPU_CACHE_SHARE = 0.25


def command(spec: EngineSpec, port: int, machine: Machine) -> list[str]:
    """Arguments for the interpreter. The server module is the one that this version of vLLM has."""
    flags = ["-m", machine.vllm_module, "--model", spec.source, "--served-model-name", spec.upstream_model]
    flags += ["--host", "127.0.0.1", "--port", str(port), "--load-format", "safetensors"]
    flags += ["--max-num-seqs", str(spec.max_num_seqs), "--shutdown-timeout", str(round(spec.grace_seconds))]
    flags += ["--disable-uvicorn-access-log", "--kv-cache-memory-bytes", str(cache_bytes(spec))]
    flags += _device_flags(spec) + _kind_flags(spec)
    if spec.max_model_len:
        flags += ["--max-model-len", str(spec.max_model_len)]
    if spec.revision:
        flags += ["--revision", spec.revision]
    if spec.trust_remote_code:
        flags += ["--trust-remote-code"]
    return flags + list(spec.args)


def environment(spec: EngineSpec, secret: str, state_dir: Path) -> dict[str, str]:
    """Beyond the allow-list. vLLM asks the secret on `/v1` only; its other routes stay on loopback."""
    found = {
        "VLLM_API_KEY": secret,
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CACHE_ROOT": os.environ.get("VLLM_CACHE_ROOT") or str(state_dir.absolute() / "engines" / "vllm"),
        "VLLM_MEDIA_URL_ALLOW_REDIRECTS": "0",
        "PYTHONSAFEPATH": "1",
    }
    if spec.device == "cpu":
        # One process less, no second set of compiled kernels, and no fight of engines for the first core.
        found |= {
            "VLLM_TARGET_DEVICE": "cpu",
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "OMP_NUM_THREADS": str(spec.threads),
            "TORCH_COMPILE_DISABLE": "1",
        }
    return found


def cache_bytes(spec: EngineSpec) -> int:
    """Always given: without it vLLM claims most of the node's memory on a CPU, and on a GPU measures what is free while
    other engines are loading."""
    if spec.cache_gb is not None:
        return int(spec.cache_gb * GIB)
    if spec.device == "cpu":
        return int((_TINY_CACHE_GB if spec.memory_gb <= 2 else _CPU_CACHE_GB) * GIB)
    return int(spec.memory_gb * _GPU_CACHE_SHARE * GIB)


def _device_flags(spec: EngineSpec) -> list[str]:
    if spec.device == "cpu":
        # float32: half precision is several times slower on CPUs without instructions for it.
        return ["--enforce-eager", "--distributed-executor-backend", "uni", "--dtype", spec.dtype or "float32"]
    flags = ["--gpu-memory-utilization", f"{spec.gpu_fraction:.3f}"] if spec.gpu_fraction else []
    return flags + (["--dtype", spec.dtype] if spec.dtype else [])


def _kind_flags(spec: EngineSpec) -> list[str]:
    if spec.kind == "transcription":
        return ["--max-num-batched-tokens", "2048"] if spec.device == "cpu" else []
    if spec.kind == "embedding":
        return _RUNNER["embedding"]
    # Images come as data URLs from the gateway; the engine itself is to fetch nothing.
    flags = ["--enable-prompt-tokens-details", "--allowed-media-domains", "media.invalid"]
    if spec.kind == "ocr":
        return [*flags, "--limit-mm-per-prompt", json.dumps({"image": 1})]
    if spec.tool_parser:
        flags += ["--enable-auto-tool-choice", "--tool-call-parser", spec.tool_parser]
    if spec.reasoning_parser:
        flags += ["--reasoning-parser", spec.reasoning_parser]
    return flags
