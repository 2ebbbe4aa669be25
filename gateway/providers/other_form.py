"""Answers in the other form than was asked for: a whole one told as a stream, a stream put together. Of any dialect.

Some servers do not know `stream`, others know nothing else. What is told is the same in both forms.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Raw

from gateway.errors import UpstreamBadResponse, UpstreamTimeout
from gateway.openai_api.operations import CHAT, Operation
from gateway.openai_api.sse import DONE, data_of, event, is_done
from gateway.providers.exchange import MAX_REPLY
from gateway.providers.stream import ChunkStream
from gateway.providers.tool_calls import ToolCalls
from gateway.providers.transport.answers import check_size
from gateway.providers.transport.base import TakeBody

_HEAD = ("id", "object", "created", "model", "system_fingerprint", "service_tier")
_CHUNK, _WHOLE = "chat.completion.chunk", "chat.completion"
_TEXTS = frozenset({"content", "reasoning_content", "reasoning", "refusal", "thinking", "text"})
"""What comes in pieces. All else of a message comes at once, or again and again."""
_NULL = Raw(b"null")
_FIRST = Raw(b"0")

_object = msgspec.json.Decoder(dict[str, Raw]).decode
_objects = msgspec.json.Decoder(list[dict[str, Raw]]).decode
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


class Events:
    """An `HttpResponse` whose body, events, is here already."""

    def __init__(self, events: Iterable[bytes]) -> None:
        self.status, self.idle = 200, 0.0
        self.headers: Mapping[str, str] = {}
        self._events = deque(events)

    async def read(self, limit: int) -> bytes:
        body = b"".join(self._events)
        self._events.clear()
        check_size(len(body), limit)
        return body

    async def pour(self, take: TakeBody) -> None:
        while self._events:
            if (waiting := take(self._events.popleft())) is not None:
                await waiting

    async def drain(self, seconds: float) -> None: ...

    async def aclose(self) -> None:
        self._events.clear()


# --- a whole answer as a stream ---


def events_of(operation: Operation, body: bytes) -> Events:
    """Of an answer that `check_reply` has accepted."""
    return Events(_told(operation, _object(body)))


def _told(operation: Operation, answer: dict[str, Raw]) -> Iterator[bytes]:
    choices, usage = _objects(answer.pop("choices")), answer.pop("usage", _NULL)
    if operation is CHAT:
        answer["object"] = Raw(_encode(_CHUNK))
    head = {name: answer[name] for name in _HEAD if name in answer}
    for position, choice in enumerate(choices):
        choice.setdefault("index", Raw(b"%d" % position))
        for part in _parts(choice) if operation is CHAT else (_finished(choice),):
            yield event(_encode({**answer, "choices": [part]}))
            answer = head
    if usage != _NULL:
        yield event(_encode({**head, "choices": [], "usage": usage}))
    yield DONE


def _parts(choice: dict[str, Raw]) -> tuple[dict[str, Any], dict[str, Any]]:
    """All that is said, and why it ends."""
    message = _object(choice.pop("message"))
    delta: dict[str, Any] = {"role": "assistant", **message}
    if calls := _calls(message):
        delta["tool_calls"] = calls
    reason = _finished(choice, "tool_calls" if calls else "stop")["finish_reason"]
    said = {**choice, "delta": delta, "finish_reason": None}
    return said, {"index": choice["index"], "delta": {}, "finish_reason": reason}


def _calls(message: Mapping[str, Raw]) -> list[dict[str, Raw]]:
    raw = message.get("tool_calls", _NULL)
    calls = (_objects(raw) if raw != _NULL else None) or []
    return [{"index": Raw(b"%d" % position), **call} for position, call in enumerate(calls)]


def _finished(choice: dict[str, Raw], otherwise: str = "stop") -> dict[str, Any]:
    """With the reason that every answer has which is whole."""
    reason = choice.get("finish_reason", _NULL)
    return {**choice, "finish_reason": reason if reason != _NULL else otherwise}


# --- a stream as a whole answer ---


async def put_together(stream: ChunkStream, operation: Operation, seconds: float) -> bytes:
    """The JSON of the whole answer. Raises what broke the stream, and `UpstreamTimeout` past the `seconds`."""
    answer = _Answer(operation)
    size = 0

    def hear(events: list[bytes]) -> None:
        nonlocal size
        size += sum(map(len, events))
        check_size(size, MAX_REPLY)
        for one in events:
            if (data := data_of(one)) is not None and not is_done(one):
                answer.hear(data)

    try:
        async with asyncio.timeout(seconds):
            await stream.pour(hear)
    except TimeoutError:
        raise UpstreamTimeout("The provider's answer took too long.") from None
    finally:
        await stream.aclose()
    return answer.told()


class _Answer:
    """What the chunks have told so far."""

    def __init__(self, operation: Operation) -> None:
        self._is_chat = operation is CHAT
        self._calls = ToolCalls()
        self._top: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}

    def hear(self, data: bytes) -> None:
        """Raises UpstreamBadResponse."""
        try:
            chunk = _decode(data)
        except (msgspec.DecodeError, RecursionError):
            raise _no_chunk() from None
        self._calls.mend(chunk)
        for told in chunk.pop("choices", None) or ():
            index = told.get("index") or 0
            self._add(self._choices.setdefault(index, {"index": index}), told)
        self._top |= {name: value for name, value in chunk.items() if value is not None}

    def _add(self, choice: dict[str, Any], told: dict[str, Any]) -> None:
        if self._is_chat:
            message, delta = choice.setdefault("message", {}), _dict(told.pop("delta", None))
            _merge_calls(message, delta.pop("tool_calls", None))
            _merge(message, delta)
        _merge_logprobs(choice, told.pop("logprobs", None))
        _merge(choice, told)

    def told(self) -> bytes:
        choices = [self._ended(choice) for _, choice in sorted(self._choices.items())]
        kind = {"object": _WHOLE} if self._is_chat else {}
        try:
            return _encode({**self._top, **kind, "choices": choices})
        except RecursionError:
            raise _no_chunk() from None

    def _ended(self, choice: dict[str, Any]) -> dict[str, Any]:
        calls = None
        if self._is_chat:
            message = choice["message"]
            calls = message.get("tool_calls")
            for call in calls or ():
                call.pop("index", None)
            choice["message"] = {"role": "assistant", "content": None if calls else "", **message}
        else:
            choice.setdefault("text", "")
        choice.setdefault("finish_reason", "tool_calls" if calls else "stop")
        return choice


def _merge(whole: dict[str, Any], told: dict[str, Any]) -> None:
    """Texts and lists grow; of all else the last counts."""
    for name, value in told.items():
        before = whole.get(name)
        if isinstance(value, list) and isinstance(before, list):
            before.extend(value)
        elif name in _TEXTS and isinstance(value, str) and isinstance(before, str):
            whole[name] = before + value
        elif name == "function_call":
            _merge_function(whole.setdefault(name, {}), dict(_dict(value)))
        elif value is not None:
            whole[name] = value


def _merge_logprobs(choice: dict[str, Any], told: object) -> None:
    if isinstance(told, dict):
        _merge(choice.setdefault("logprobs", {}), told)


def _merge_calls(message: dict[str, Any], told: object) -> None:
    """By `index`, which `ToolCalls` has seen to."""
    pieces = told if isinstance(told, list) else []
    calls: list[dict[str, Any]] = message.setdefault("tool_calls", []) if pieces else []
    for piece in map(_dict, pieces):
        call = next((one for one in calls if one["index"] == piece["index"]), None)
        if call is None:
            calls.append(call := {})
        _merge_function(call.setdefault("function", {}), _dict(piece.pop("function", None)))
        call |= {name: value for name, value in piece.items() if value not in (None, "")}


def _merge_function(function: dict[str, Any], told: dict[str, Any]) -> None:
    arguments = told.pop("arguments", None)
    function |= {name: value for name, value in told.items() if value}
    function["arguments"] = function.get("arguments", "") + (arguments if isinstance(arguments, str) else "")


def _dict(told: object) -> dict[str, Any]:
    """Raises UpstreamBadResponse for what is neither an object nor null."""
    if not isinstance(told, dict | None):
        raise _no_chunk()
    return told or {}


def _no_chunk() -> UpstreamBadResponse:
    return UpstreamBadResponse("The provider's stream holds an event that is not valid.")
