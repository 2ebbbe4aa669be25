"""Reading fields of a request with errors that name them."""

from collections.abc import Mapping
from typing import Any

from chute_models.engines.errors import Refusal


def number(body: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    """A number within limits; the default when missing or null."""
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal(f"{name} must be a number", param=name)
    if not low <= value <= high:
        raise Refusal(f"{name} must be between {low:g} and {high:g}", param=name)
    return float(value)


def integer(body: Mapping[str, Any], name: str, default: int | None, low: int, high: int) -> int | None:
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refusal(f"{name} must be an integer", param=name)
    if not low <= value <= high:
        raise Refusal(f"{name} must be between {low} and {high}", param=name)
    return value


def flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise Refusal(f"{name} must be true or false", param=name)
    return value


def mapping(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refusal(f"{name} must be an object", param=name)
    return value


def strings(body: Mapping[str, Any], name: str, most: int) -> tuple[str, ...]:
    """A string or a list of strings."""
    value = body.get(name)
    if value is None:
        return ()
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(item, str) and item for item in values):
        raise Refusal(f"{name} must be a string or a list of strings, none empty", param=name)
    if len(values) > most:
        raise Refusal(f"{name} must have at most {most} entries", param=name)
    return tuple(values)
