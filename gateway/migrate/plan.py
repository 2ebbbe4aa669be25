"""`Plan`: what a foreign configuration means here, and everything about it that people must know. Made by the readers.

Secrets are never in it but as references (`${NAME}`); the values that stood in the source are apart, in `secrets`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import ConfigError

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

    def note(self, place: str, text: str) -> None:
        self.notes.append(Note(place, text))

    def hide(self, value: str, wanted: str) -> str:
        """The reference that stands for a secret of the source; equal secrets share one."""
        for name, known in self.secrets.items():
            if known == value:
                return f"${{{name}}}"
        name = free(_NO_NAME.sub("_", wanted.upper()).strip("_") or "SECRET", self.secrets, "_")
        name = f"KEY_{name}" if name[0].isdigit() else name
        self.secrets[name] = value
        return f"${{{name}}}"


def free(wanted: str, taken: Iterable[str], between: str = "-") -> str:
    """`wanted`, or with the first number behind it that makes it new."""
    taken, name, n = set(taken), wanted, 1
    while name in taken:
        n += 1
        name = f"{wanted}{between}{n}"
    return name


def section(source: Mapping[str, Any], name: str, kind: type[dict[str, Any]] | type[list[Any]]) -> Any:
    """A part of the source, empty where it is missing. Raises ConfigError for one of another shape."""
    value = source.get(name)
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise ConfigError(f"{name} must be a {'mapping' if kind is dict else 'list'}")
    return value
