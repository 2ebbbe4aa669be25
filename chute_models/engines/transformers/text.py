"""Turning tokens into text as they come: whole characters only, and nothing past a stop string."""

from typing import Any

_BROKEN = "\ufffd"


class Detokenizer:
    """`add` returns the text that a token completes, which may be empty."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._prefix = 0
        self._read = 0

    def add(self, token: int) -> str:
        self._ids.append(token)
        before = self._decode(self._ids[self._prefix : self._read])
        now = self._decode(self._ids[self._prefix :])
        if len(now) <= len(before) or now.endswith(_BROKEN):
            return ""
        self._prefix, self._read = self._read, len(self._ids)
        return now[len(before) :]

    def rest(self) -> str:
        """What was held back as an incomplete character."""
        before = self._decode(self._ids[self._prefix : self._read])
        return self._decode(self._ids[self._prefix :])[len(before) :]

    def _decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))


class StopStrings:
    """Passes text through, holding back what may be the beginning of a stop string. `hit` is the one that came, empty
    until then."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._held = ""
        self.hit = ""

    def add(self, text: str) -> str:
        if not self._stops:
            return text
        self._held += text
        found = [(at, stop) for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            at, self.hit = min(found)
            return self._give(at)
        keep = max(
            (size for stop in self._stops for size in range(1, len(stop)) if self._held.endswith(stop[:size])),
            default=0,
        )
        return self._give(len(self._held) - keep)

    def rest(self) -> str:
        """What is left when no stop string came."""
        return "" if self.hit else self._give(len(self._held))

    def _give(self, size: int) -> str:
        text, self._held = self._held[:size], self._held[size:]
        return text
