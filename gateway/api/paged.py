"""Lists as OpenAI's API pages them: the rows, where they begin and end, and whether there are more."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar


class Identified(Protocol):
    @property
    def id(self) -> str: ...


Row = TypeVar("Row", bound=Identified)


def page(rows: Sequence[Row], has_more: bool, document: Callable[[Row], dict[str, Any]]) -> dict[str, Any]:
    return {
        "object": "list",
        "data": [document(row) for row in rows],
        "first_id": rows[0].id if rows else None,
        "last_id": rows[-1].id if rows else None,
        "has_more": has_more,
    }
