"""Pieces of tool calls in a stream, as clients join them: by `index`, with `id` and name told once.

Some servers leave `index` out, give each call 0, tell `id` and name with every piece, or the arguments as an object.
"""

from typing import Any

import msgspec

from gateway.openai_api.call import ByteStream, Take, Usage
from gateway.openai_api.sse import data_of, event, plain_data

_MARK = b'"tool_calls"'

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


class MendedStream:
    """A chunk stream whose tool calls can be joined; all else passes as it came."""

    def __init__(self, chunks: ByteStream) -> None:
        self._chunks, self._calls = chunks, ToolCalls()

    @property
    def usage(self) -> Usage | None:
        return self._chunks.usage

    async def pour(self, take: Take) -> None:
        mended = self._calls.mended
        await self._chunks.pour(lambda events: take([mended(one) if _MARK in one else one for one in events]))

    async def aclose(self) -> None:
        await self._chunks.aclose()


class _Call(msgspec.Struct):
    index: int
    id: str = ""
    name: str = ""


class ToolCalls:
    """Those of one stream that have begun, by choice."""

    def __init__(self) -> None:
        self._begun: dict[int, list[_Call]] = {}

    def mended(self, one: bytes) -> bytes:
        """A valid event of a chat, unchanged where it is in order."""
        data = plain_data(one) or data_of(one)
        try:
            chunk = _decode(data) if data is not None else {}
        except (msgspec.DecodeError, RecursionError):
            return one
        return event(_encode(chunk)) if self.mend(chunk) else one

    def mend(self, chunk: dict[str, Any]) -> bool:
        """Whether anything of it had to be changed."""
        changed = [self._mend_choice(choice) for choice in chunk.get("choices") or ()]
        return any(changed)

    def _mend_choice(self, choice: dict[str, Any]) -> bool:
        delta = choice.get("delta")
        pieces = delta.get("tool_calls") if isinstance(delta, dict) else None
        begun = self._begun.setdefault(choice.get("index") or 0, [])
        pieces = pieces if isinstance(pieces, list) else []
        changed = [_mend(piece, begun) for piece in pieces if isinstance(piece, dict)]
        return any(changed)


def _mend(piece: dict[str, Any], begun: list[_Call]) -> bool:
    function = piece.get("function")
    function = function if isinstance(function, dict) else {}
    index, id, name = piece.get("index"), _text(piece.get("id")), _text(function.get("name"))
    arguments = function.get("arguments")
    if is_object := isinstance(arguments, dict):
        function["arguments"] = _encode(arguments).decode()
    if (call := _call_of(index, id, name, begun)) is None:
        taken = {one.index for one in begun}
        number = index if isinstance(index, int) and index not in taken else max(taken, default=-1) + 1
        begun.append(_Call(number, id, name))
        piece["index"] = number
        return is_object or number != index
    piece["index"] = call.index
    told = [fields.pop(key) for fields, key, before in ((piece, "id", call.id), (function, "name", call.name))
            if before and fields.get(key)]  # fmt: skip
    call.id, call.name = call.id or id, call.name or name
    return bool(told) or is_object or call.index != index


def _call_of(index: object, id: str, name: str, begun: list[_Call]) -> _Call | None:
    """The one that a piece goes on with; None for one that begins."""
    if id and (known := next((one for one in begun if one.id == id), None)) is not None:
        return known
    if isinstance(index, int):
        known = next((one for one in reversed(begun) if one.index == index), None)
        return None if known is not None and known.id and id and name else known
    return None if id or name or not begun else begun[-1]


def _text(told: object) -> str:
    return told if isinstance(told, str) else ""
