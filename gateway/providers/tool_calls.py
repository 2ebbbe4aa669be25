"""Tool calls as clients read them: in a stream joined by `index`, counted from 0, with `id` and name told once; each
with an id, and with arguments that are JSON text.

Some servers leave `index` out, give each call 0 or count from 1, tell `id` and name with every piece or no id at all,
and tell the arguments as an object, or not where a tool takes none.
"""

from collections.abc import Collection
from typing import Any
from uuid import uuid4

import msgspec

from gateway.openai_api.call import ByteStream, Take, Usage
from gateway.openai_api.sse import data_of, event, plain_data

_MARK = b'"tool_calls"'
_WHOLE = ("tool_calls", "stop")
"""How answers end whose calls are whole."""
_NO_ARGUMENTS = "{}"

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
        calls = self._calls
        await self._chunks.pour(
            lambda events: take([calls.mended(one) if _MARK in one or calls.are_bare else one for one in events])
        )

    async def aclose(self) -> None:
        await self._chunks.aclose()


class _Call(msgspec.Struct):
    """`told` and `id` are the server's; clients see `index`, and an id from its beginning."""

    index: int
    told: int
    id: str = ""
    name: str = ""
    is_bare: bool = False
    """Begun, and without arguments so far."""


class ToolCalls:
    """Those of one stream that have begun, by choice."""

    def __init__(self) -> None:
        self._begun: dict[int, list[_Call]] = {}
        self.are_bare = False
        """Whether a call may still end without arguments."""

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
        self.are_bare = any(call.is_bare for calls in self._begun.values() for call in calls)
        return any(changed)

    def _mend_choice(self, choice: dict[str, Any]) -> bool:
        delta = choice.get("delta")
        pieces = delta.get("tool_calls") if isinstance(delta, dict) else None
        begun = self._begun.setdefault(choice.get("index") or 0, [])
        pieces = pieces if isinstance(pieces, list) else []
        changed = [_mend(piece, begun) for piece in pieces if isinstance(piece, dict)]
        if pieces or choice.get("finish_reason") not in _WHOLE:
            return any(changed)
        rest = [_told_bare(call) for call in begun if call.is_bare]
        if rest:
            choice["delta"] = {**(delta if isinstance(delta, dict) else {}), "tool_calls": rest}
        return bool(rest)


def _told_bare(call: _Call) -> dict[str, Any]:
    call.is_bare = False
    return {"index": call.index, "function": {"arguments": _NO_ARGUMENTS}}


def _mend(piece: dict[str, Any], begun: list[_Call]) -> bool:
    function = _function(piece)
    changed, told = _mend_types(piece, function), piece.get("index")
    id, name = _text(piece.get("id")), _text(function.get("name"))
    call = _call_of(told, id, name, begun)
    if call is None:
        call = _Call(len(begun), told if isinstance(told, int) else len(begun))
        begun.append(call)
    shown = call.id or call.name
    again = [fields.pop(key) for fields, key, before in ((piece, "id", shown), (function, "name", call.name))
             if before and fields.get(key)]  # fmt: skip
    if name and not call.name:
        call.is_bare = True
        if not shown and id in {one.id for one in begun}:
            id = piece["id"] = ""
        changed = (not shown and _name(piece)) or changed
    if _text(function.get("arguments")).strip():
        call.is_bare = False
    call.id, call.name = call.id or id, call.name or name
    piece["index"] = call.index
    return bool(again) or changed or call.index != told


def _call_of(index: object, id: str, name: str, begun: list[_Call]) -> _Call | None:
    """The one that a piece goes on with; None for one that begins."""
    if id and (known := next((one for one in begun if one.id == id), None)) is not None:
        return None if name and (_is_another(known, name) or index not in (None, known.told)) else known
    if isinstance(index, int):
        known = next((one for one in reversed(begun) if one.told == index), None)
        return None if known is not None and name and (_is_another(known, name) or (known.id and id)) else known
    return None if id or name or not begun else begun[-1]


def _is_another(call: _Call, name: str) -> bool:
    return bool(call.name) and name != call.name


# --- whole answers ---


class _WholeFunction(msgspec.Struct):
    name: str
    arguments: str


class _WholeCall(msgspec.Struct):
    id: str
    type: str
    function: _WholeFunction


class _Message(msgspec.Struct):
    tool_calls: list[_WholeCall] | None = None


class _Choice(msgspec.Struct):
    message: _Message


class _Answer(msgspec.Struct):
    choices: list[_Choice]


_decode_answer = msgspec.json.Decoder(_Answer).decode


def mended_answer(body: bytes) -> bytes:
    """The same bytes where its calls are in order, or nothing can be made of them."""
    if _MARK not in body:
        return body
    try:
        if all(_are_in_order(choice.message.tool_calls or ()) for choice in _decode_answer(body).choices):
            return body
    except msgspec.ValidationError:
        pass
    try:
        answer = _decode(body)
        changed = [_mend_calls(choice) for choice in answer["choices"]]
        return _encode(answer) if any(changed) else body
    except (msgspec.DecodeError, RecursionError):
        return body


def _are_in_order(calls: Collection[_WholeCall]) -> bool:
    ids = {call.id for call in calls if call.type and call.function.arguments}
    return len(ids) == len(calls) and "" not in ids


def _mend_calls(choice: dict[str, Any]) -> bool:
    """Calls that were cut stay without arguments."""
    calls, is_whole = choice["message"].get("tool_calls"), choice.get("finish_reason") in _WHOLE
    ids: set[str] = set()
    changed = False
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict) and _text(_function(call).get("name")):
            changed = _mend_whole(call, ids, is_whole=is_whole) or changed
    return changed


def _mend_whole(call: dict[str, Any], ids: set[str], *, is_whole: bool) -> bool:
    """`ids` are those of the calls before it."""
    function = _function(call)
    changed = _mend_types(call, function)
    if is_whole and not _text(function.get("arguments")).strip():
        function["arguments"] = _NO_ARGUMENTS
        changed = True
    if call.get("id") in ids:
        call["id"] = ""
    changed = _name(call) or changed
    ids.add(call["id"])
    return changed


# --- both ---


def _mend_types(call: dict[str, Any], function: dict[str, Any]) -> bool:
    arguments, id = function.get("arguments"), call.get("id")
    if is_object := isinstance(arguments, dict):
        function["arguments"] = _encode(arguments).decode()
    if is_number := isinstance(id, int):
        call["id"] = str(id)
    return is_object or is_number


def _name(call: dict[str, Any]) -> bool:
    """Gives one that begins what it lacks."""
    lacking = {"id": f"call_{uuid4().hex[:24]}", "type": "function"}
    given = {name: value for name, value in lacking.items() if not call.get(name)}
    call |= given
    return bool(given)


def _function(call: dict[str, Any]) -> dict[str, Any]:
    function = call.get("function")
    return function if isinstance(function, dict) else {}


def _text(told: object) -> str:
    return told if isinstance(told, str) else ""
