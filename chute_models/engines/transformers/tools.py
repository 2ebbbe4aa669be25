"""Tool calls in the Hermes form, `<tool_call>{"name": "f", "arguments": {}}</tool_call>`, read out of a text."""

import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from chute_models.engines.transformers.generate import Piece, ToolCall

OPEN, CLOSE = "<tool_call>", "</tool_call>"


def read_tools(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The same pieces with calls instead of their text; a choice that calls finishes with `tool_calls`."""
    readers: dict[int, ToolReader] = {}
    for piece in pieces:
        reader = readers.setdefault(piece.index, ToolReader())
        text, calls = reader.add(piece.text)
        finish = piece.finish
        if finish:
            text += reader.rest()
            finish = "tool_calls" if reader.count and finish == "stop" else finish
        yield replace(piece, text=text, calls=tuple(calls), finish=finish)


@dataclass(slots=True)
class ToolReader:
    """`add` gives what is certainly text and the calls that are complete. What is no valid call stays text."""

    count: int = 0
    _held: str = ""
    _inside: bool = field(default=False)

    def add(self, text: str) -> tuple[str, list[ToolCall]]:
        self._held += text
        said, calls = "", []
        while True:
            before, mark, after = self._held.partition(CLOSE if self._inside else OPEN)
            if not mark:
                break
            if not self._inside:
                said += before
            elif call := self._call(before):
                calls.append(call)
            else:
                said += OPEN + before + CLOSE
            self._inside, self._held = not self._inside, after
        if not self._inside:
            keep = max((size for size in range(1, len(OPEN)) if self._held.endswith(OPEN[:size])), default=0)
            cut = len(self._held) - keep
            said, self._held = said + self._held[:cut], self._held[cut:]
        return said, calls

    def rest(self) -> str:
        """What was held back and became no call."""
        text, self._held = (OPEN if self._inside else "") + self._held, ""
        self._inside = False
        return text

    def _call(self, text: str) -> ToolCall | None:
        try:
            found: Any = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(found, dict) or not isinstance(found.get("name"), str):
            return None
        arguments = json.dumps(found.get("arguments", {}), ensure_ascii=False)
        call = ToolCall(self.count, f"call_{uuid.uuid4().hex[:24]}", found["name"], arguments)
        self.count += 1
        return call
