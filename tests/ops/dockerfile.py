"""Reads a Dockerfile as far as ours goes: instructions with their arguments, continued lines joined."""

import re
from pathlib import Path
from typing import NamedTuple


class Instruction(NamedTuple):
    name: str
    rest: str


def instructions(path: Path) -> list[Instruction]:
    text = re.sub(r"\\\n\s*", " ", path.read_text())
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return [Instruction(*line.split(maxsplit=1)) for line in lines]


def variables(found: list[Instruction]) -> dict[str, str]:
    """Of all ENV lines."""
    pairs = (pair.partition("=") for one in found if one.name == "ENV" for pair in one.rest.split())
    return {name: value for name, _, value in pairs}
