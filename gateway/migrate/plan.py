"""`Plan`: what a foreign configuration means here, and everything about it that people must know. Made by the readers.

Secrets are never in it but as references (`${NAME}`); the values that stood in the source are apart, in `secrets`.
"""

import re
from collections.abc import Container, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from gateway.access.guessable import is_guessable
from gateway.errors import ConfigError

LEAST = 16
"""Characters of a caller's key."""
_NO_NAME = re.compile(r"[^A-Z0-9]+")


@dataclass(frozen=True, slots=True)
class Note:
    """`place` is where it stood in the source, `text` a sentence about it."""

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


@dataclass(slots=True)
class Plan:
    """The parts of a `gateway.yaml`, as plain data. `users` are only for the database; `secrets` by variable."""

    settings: dict[str, Any] = field(default_factory=dict)
    providers: dict[str, dict[str, Any]] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    prices: dict[str, dict[str, float]] = field(default_factory=dict)
    keys: list[dict[str, Any]] = field(default_factory=list)
    users: list[dict[str, Any]] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    notes: list[Note] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    """Variables that are called so already, such as those that the source refers to: `hide` gives none of the names."""
    _hidden: dict[str, str] = field(default_factory=dict, repr=False)

    def note(self, place: str, text: str) -> None:
        self.notes.append(Note(place, text))

    def hide(self, value: str, wanted: str) -> str:
        """The reference that stands for a secret of the source; equal secrets share one."""
        if value not in self._hidden:
            name = _NO_NAME.sub("_", wanted.upper()).strip("_") or "SECRET"
            name = f"KEY_{name}" if name[0].isdigit() else name
            name = free(name, self.taken, "_")
            self.taken.add(name)
            self.secrets[name], self._hidden[value] = value, name
        return f"${{{self._hidden[value]}}}"


def free(wanted: str, taken: Container[str], between: str = "-") -> str:
    """`wanted`, or with a number behind it that makes it new: the first, unless others left a gap."""
    if wanted not in taken:
        return wanted
    low, high = 1, 2
    while f"{wanted}{between}{high}" in taken:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if f"{wanted}{between}{middle}" in taken else (low, middle)
    return f"{wanted}{between}{high}"


def is_private(base_url: str) -> bool:
    """Whether the gateway asks this address only where `allow_private_upstreams` is set. What is none is refused
    where it is read."""
    try:
        host = urlsplit(base_url).hostname or ""
    except ValueError:
        return False
    with suppress(ValueError):
        return base_url.startswith("http://") or not ip_address(host).is_global
    return base_url.startswith("http://") or host == "localhost" or host.endswith(".localhost")


def is_too_simple(key: str) -> bool:
    """Whether a caller could guess it; the gateway takes no such key."""
    return len(key) < LEAST or is_guessable(key)


def section(source: Mapping[str, Any], name: str, kind: type[dict[str, Any]] | type[list[Any]]) -> Any:
    """A part of the source, empty where it is missing. Raises ConfigError for one of another shape."""
    value = source.get(name)
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise ConfigError(f"{name} must be a {'mapping' if kind is dict else 'list'}")
    return value
