"""Loading a model: safetensors only, from a directory or, when allowed, the hub."""

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
