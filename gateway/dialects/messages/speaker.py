"""A chat stream told as the events of a Message: blocks one after the other, each begun, filled and ended.

A provider may mix what it says: words within a call, or the arguments of several calls. As each block ends before the
next one begins, whatever comes within a call that is not whole waits for it.
"""

from collections.abc import Sequence
from typing import Any

from gateway.dialects.base import Speaker, event
from gateway.dialects.chat import Chat, Said, Tokens, ToolCall
from gateway.dialects.messages.answer import empty_message, ending, met, read_arguments, tool_use, usage
from gateway.dialects.messages.thoughts import signature
from gateway.errors import UpstreamBadResponse

_BLOCKS: dict[str, tuple[dict[str, Any], str, str]] = {
    "text": ({"type": "text", "text": ""}, "text_delta", "text"),
    "thinking": ({"type": "thinking", "thinking": "", "signature": ""}, "thinking_delta", "thinking"),
}
"""How a block begins, the type of what is added to it, and the field that holds it."""


class _Call:
    """A call of a tool, and what came of its arguments so far."""

    def __init__(self, first: ToolCall) -> None:
        self.first = first
        self.pieces: list[str] = []
        self.ended = False

    @property
    def whole(self) -> bool:
        """Parsed only behind what may be the end of an object."""
        ends = bool(self.pieces) and self.pieces[-1].rstrip().endswith("}")
        return ends and read_arguments("".join(self.pieces)) is not None

    def has(self, piece: ToolCall) -> bool:
        """Whether a piece of the same number belongs to it. Some providers number no calls, or all of them 0; some give
        them no ids, and some name a call again with each piece."""
        first = self.first
        if not piece.name:
            return True
        if piece.id and first.id:
            return piece.id == first.id
        return piece.name == first.name and not (piece.text and self.whole)


class MessageSpeaker(Speaker):
    def __init__(self, model: str, stops: Sequence[str]) -> None:
        """`model` is the name that was asked for, and `stops` the texts that are to end the answer."""
        self._model, self._stops = model, stops
        self._index = -1
        self._open: str | _Call | None = None
        """A kind of `_BLOCKS`, or a call."""
        self._calls: list[_Call] = []
        self._ids: set[str] = set()
        self._waiting: list[tuple[str | _Call, str]] = []
        """What follows the call that is open: for which block, and what."""
        self._mark = ""
        """The signature of the thought that is open."""
        self._refused = False
        self._finish: str | None = None
        self._met: str | None = None
        self._tokens: Tokens | None = None

    def begin(self, chat: Chat) -> list[bytes]:
        return [event("message_start", {"message": empty_message(chat, self._model)})]

    def hear(self, chat: Chat) -> list[bytes]:
        self._tokens = chat.tokens or self._tokens
        choice = chat.choice
        if choice is None:
            return []
        self._finish = choice.finish_reason or self._finish
        self._met = met(choice, self._stops) or self._met
        said = choice.said
        self._refused = self._refused or bool(said.refusal)
        events = self._think(said) if said.thoughts else []
        if text := said.text or said.refusal:
            events += self._say("text", text)
        for piece in said.calls:
            events += self._say(self._called(piece), piece.text)
        return events

    def end(self) -> list[bytes]:
        delta = ending(self._finish, self._met, called=bool(self._calls), refused=self._refused)
        return [
            *self._close(),
            *self._say_rest(),
            event("message_delta", {"delta": delta, "usage": usage(self._tokens)}),
            event("message_stop", {}),
        ]

    def _think(self, said: Said) -> list[bytes]:
        self._mark = signature(said, self._model)
        return self._say("thinking", said.thoughts)

    def _called(self, piece: ToolCall) -> _Call:
        """The call that a piece belongs to, which may begin with it."""
        call = next((one for one in reversed(self._calls) if piece.index in (None, one.first.index)), None)
        if call is None or not call.has(piece):
            if not piece.name:
                raise UpstreamBadResponse("The provider's stream has arguments of a call that never began.")
            call = _Call(piece)
            self._calls.append(call)
        return call

    def _say(self, block: str | _Call, text: str) -> list[bytes]:
        """Adds to a block that is open or is opened now, or lets it wait."""
        if block == self._open:
            return self._add(text)
        if isinstance(block, _Call) and block.ended:
            return self._add_late(text)
        if isinstance(self._open, _Call) and not self._open.whole:
            self._waiting.append((block, text))
            return []
        if self._waiting:
            events = self._say_waiting()
            return events + self._say(block, text)
        return [*self._enter(block), *self._add(text)]

    def _say_waiting(self) -> list[bytes]:
        waiting, self._waiting = self._waiting, []
        return [one for block, text in waiting for one in self._say(block, text)]

    def _say_rest(self) -> list[bytes]:
        """Nothing more comes: calls are as whole as they get."""
        events: list[bytes] = []
        while self._waiting:
            events += [*self._say_waiting(), *self._close()]
        return events + self._close()

    def _enter(self, block: str | _Call) -> list[bytes]:
        events = self._close()
        self._index, self._open = self._index + 1, block
        if isinstance(block, _Call):
            first = block.first
            content = tool_use(first.name, {}, first.id, self._ids)
        else:
            content = _BLOCKS[block][0]
        return [*events, event("content_block_start", {"index": self._index, "content_block": content})]

    def _add(self, text: str) -> list[bytes]:
        """A call's arguments come in pieces that nobody need parse before they are whole."""
        block = self._open
        if not text or block is None:
            return []
        if not isinstance(block, _Call):
            _, delta, name = _BLOCKS[block]
            return [self._delta({"type": delta, name: text})]
        if not block.pieces and text.strip() in ("", "null"):
            return []
        block.pieces.append(text)
        return [self._delta({"type": "input_json_delta", "partial_json": text})]

    def _add_late(self, text: str) -> list[bytes]:
        """To a call that was whole."""
        if text.strip():
            raise UpstreamBadResponse("The provider's stream adds to the arguments of a call that were whole.")
        return []

    def _close(self) -> list[bytes]:
        if self._open is None:
            return []
        signed = [self._delta({"type": "signature_delta", "signature": self._mark})] if self._open == "thinking" else []
        if isinstance(self._open, _Call):
            self._open.ended = True
        self._open = None
        return [*signed, event("content_block_stop", {"index": self._index})]

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return event("content_block_delta", {"index": self._index, "delta": delta})
