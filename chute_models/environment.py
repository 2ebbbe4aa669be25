"""The environment of an engine process: an allow-list, so that no secret of the gateway reaches a child."""

from collections.abc import Mapping

_NAMES = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "SHELL", "LD_LIBRARY_PATH"}
    | {"LD_PRELOAD", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "XDG_CACHE_HOME"}
    | {"VIRTUAL_ENV", "CUDA_HOME", "CUDA_PATH", "TRITON_CACHE_DIR", "VLLM_CACHE_ROOT", "MALLOC_ARENA_MAX"}
)
_HUB_NAMES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"})
_PREFIXES = ("HF_", "HUGGINGFACE_", "CUDA_", "NVIDIA_", "NCCL_", "TORCH_", "LC_", "OMP_", "MKL_")

_QUIET = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "PYTHONUNBUFFERED": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def child_environment(source: Mapping[str, str], extra: Mapping[str, str], *, hub: bool) -> dict[str, str]:
    """What of `source` an engine may see, with the engine's own `extra`. `hub`: it may download models.

    Hub tokens and proxies are passed only to an engine that may download.
    """
    names = _NAMES | _HUB_NAMES if hub else _NAMES
    kept = {key: value for key, value in source.items() if key in names or key.startswith(_PREFIXES)}
    if not hub:
        kept = {key: value for key, value in kept.items() if not key.endswith("TOKEN")} | _OFFLINE
    return kept | _QUIET | dict(extra)
