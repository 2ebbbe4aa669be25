"""Plain tables as wide as the terminal. Used by the commands that print many rows."""

import shutil
from collections.abc import Sequence
from unicodedata import east_asian_width

_GAP = "  "
_LEAST = 6
"""Columns are not narrowed below it."""
_FIRST = 0.5
"""The first column names the row: it is cut only once it is twice as wide as the others."""


def table(head: Sequence[str], rows: Sequence[Sequence[object]], width: int | None = None) -> str:
    """Numbers to the right. Where the terminal is too narrow the widest columns are cut, marked with `…`."""
    cells = [list(head), *([_text(cell) for cell in row] for row in rows)]
    widths = [max(_wide(row[n]) for row in cells) for n in range(len(head))]
    room = width or shutil.get_terminal_size((120, 24)).columns
    while sum(widths) + len(_GAP) * (len(head) - 1) > room and max(widths) > _LEAST:
        widths[max(range(len(widths)), key=lambda n: widths[n] * (_FIRST if n == 0 else 1))] -= 1
    right = [bool(rows) and all(isinstance(row[n], int | float | None) for row in rows) for n in range(len(head))]
    return "\n".join(
        _GAP.join(_fitted(cell, widths[n], right[n]) for n, cell in enumerate(row)).rstrip() for row in cells
    )


def _text(cell: object) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:g}"
    return "".join(character if character.isprintable() else " " for character in str(cell))


def _fitted(text: str, width: int, right: bool) -> str:
    if _wide(text) > width:
        kept = ""
        for character in text:
            if _wide(kept + character) > width - 1:
                break
            kept += character
        text = kept + "…"
    space = " " * (width - _wide(text))
    return space + text if right else text + space


def _wide(text: str) -> int:
    """Columns that the text takes: East Asian characters take two."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
