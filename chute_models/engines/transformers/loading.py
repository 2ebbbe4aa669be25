"""Loading a model: safetensors only, from a directory or, when allowed, the hub."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chute_models.engines.arguments import Arguments


def prepare_torch(arguments: Arguments) -> Any:
    """The torch module, set up for inference on the calling thread."""
    import torch

    torch.set_num_threads(arguments.threads)
    torch.set_grad_enabled(False)
    return torch


def origin(arguments: Arguments) -> dict[str, Any]:
    """Arguments of every `from_pretrained`."""
    if arguments.model.startswith("/") and not Path(arguments.model).is_dir():
        raise FileNotFoundError(f"no model directory at {arguments.model}")
    return {"revision": arguments.revision, "trust_remote_code": arguments.trust_remote_code}


def load_model(arguments: Arguments, factory: Any) -> Any:
    """The model in evaluation mode on its device."""
    torch = prepare_torch(arguments)
    dtype = arguments.dtype
    if dtype == "auto":
        dtype = "float32" if arguments.device == "cpu" else "bfloat16"
    model = factory.from_pretrained(
        arguments.model, dtype=getattr(torch, dtype), use_safetensors=True, **origin(arguments)
    )
    return model.eval().to(arguments.device)


def device_memory(arguments: Arguments) -> Callable[[], int] | None:
    """Tells the bytes that torch holds on the GPU: 0 before it is loaded. None where the model is in the machine's own
    memory."""
    if not arguments.device.startswith("cuda"):
        return None

    def read() -> int:
        torch = sys.modules.get("torch")
        return int(torch.cuda.memory_reserved()) if torch is not None and torch.cuda.is_initialized() else 0

    return read
