"""What a model thought, on its way to the caller and back. Some models want to read it again behind their calls of
tools, and some providers refuse those calls without it.

Callers send the blocks of a Message back as they came. So a block's signature says in which field of the chat the
thought came and from which model: it goes back in that field, to that model, and to no other.
"""

from typing import Any

from gateway.dialects.chat import Said

FIELDS = ("reasoning_content", "reasoning")


def signature(said: Said, model: str) -> str:
    """`model` is the name that the caller asked for."""
    return f"{FIELDS[0] if said.reasoning_content else FIELDS[1]}:{model}"


def field_of(mark: Any, model: Any) -> str | None:
    """The field that a signature names; None for one of another model, or not of ours."""
    return next((field for field in FIELDS if mark == f"{field}:{model}"), None)
