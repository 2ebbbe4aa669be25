"""How LiteLLM writes its values: names of models with their provider, references to variables, numbers. Pure."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from math import isfinite
from typing import Any

import yaml

from gateway.errors import ConfigError

REFERENCE = "os.environ/"
_NO_VARIABLE = re.compile(r"[^A-Za-z0-9_]")


@cache
def facts() -> Mapping[str, Any]:
    """What stands in `litellm.yaml`."""
    text = files("gateway.migrate").joinpath("litellm.yaml").read_text()
    found: Mapping[str, Any] = yaml.safe_load(text)
    return found


def split_model(model: str, provider: Any) -> tuple[str, str]:
    """LiteLLM's prefix and the model's name at the provider. Without a prefix it is OpenAI's, or of the named one."""
    prefix, slash, rest = model.partition("/")
    if provider:
        return str(provider), rest if slash and prefix == provider else model
    if not slash:
        return ("anthropic" if model.startswith("claude-") else "openai"), model
    return prefix, rest


def read_number(place: str, value: Any) -> float:
    """YAML takes 1e-6 for a text. Whole numbers stay whole."""
    try:
        number = value if isinstance(value, int) else float(value)
        if isfinite(number):
            return number
    except (TypeError, ValueError, OverflowError):
        pass
    raise ConfigError(f"{place} must be a number")


def base_of(params: Mapping[str, Any]) -> str:
    return str(params.get("api_base") or params.get("base_url") or "")


def as_reference(value: str) -> str:
    """`os.environ/NAME` as we write it; anything else as it is."""
    return f"${{{as_variable(value.removeprefix(REFERENCE))}}}" if value.startswith(REFERENCE) else value


def as_variable(name: str) -> str:
    """A name that a reference can have here."""
    name = _NO_VARIABLE.sub("_", name)
    return f"_{name}" if name[:1].isdigit() else name


def references(part: Any) -> Iterator[str]:
    """The names of all variables that a file refers to."""
    if isinstance(part, str) and part.startswith(REFERENCE):
        yield part.removeprefix(REFERENCE)
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from references(inner)
