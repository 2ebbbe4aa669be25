"""Picking up a broken text stream: what was said so far, and the request that asks for the rest. Pure."""

from collections.abc import Mapping, Sequence
from typing import cast

import msgspec
from msgspec import Raw

from gateway.openai_api.chunks import Chunk, read_chunk
from gateway.openai_api.json_body import split_object
from gateway.openai_api.sse import data_of, is_done, plain_data

_FORMAT = "response_format"
_CONSTRAINED = {
    _FORMAT,
    "logprobs",
    "top_logprobs",
    "structured_outputs",
    "guided_json",
    "guided_regex",
    "guided_choice",
    "guided_grammar",
    "echo",
    "suffix",
    "best_of",
}
"""Fields with which the second half could not be joined to the first."""
_OUTPUT = ("completion_tokens", "total_tokens")
_UNREAD = 32 * 1024
"""Bytes of events that are kept unread, at most."""
_PLAIN = (b"null", b"false", b"0")

PREFILLS = ("message", "prefix", "continue_final_message")
"""How a target is asked to go on: with the assistant's message last (as Anthropic does), with `"prefix": true` on it
(DeepSeek, Mistral), or with vLLM's and SGLang's `continue_final_message`."""


class _Format(msgspec.Struct):
    type: str = ""


_encode = msgspec.json.Encoder().encode
_decode_format = msgspec.json.Decoder(_Format).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode


class SaidSoFar:
    """Collects the text of a stream. Events are read late and many at a time, since few streams ever break."""

    __slots__ = ("_finished", "_head", "_joinable", "_pieces", "_room", "_unread")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._joinable = True
        self._finished = False
        self._head: dict[str, object] = {}
        self._unread: list[bytes] = []
        self._room = _UNREAD

    def note(self, events: Sequence[bytes]) -> None:
        self._unread += events
        self._room -= sum(map(len, events))
        if self._room < 0:
            self._read()

    @property
    def text(self) -> str:
        self._read()
        return "".join(self._pieces)

    @property
    def count(self) -> int:
        """Pieces of text, about as many as tokens."""
        self._read()
        return len(self._pieces)

    @property
    def joinable(self) -> bool:
        """False for good when something other than text was said."""
        self._read()
        return self._joinable

    @property
    def finished(self) -> bool:
        self._read()
        return self._finished

    @property
    def head(self) -> dict[str, object]:
        """`id`, `object`, `created` and `model` of the stream's first chunk."""
        self._read()
        return self._head

    def _read(self) -> None:
        for event in self._unread:
            if (chunk := read_chunk(event)) is not None:
                self._add(chunk)
            elif data_of(event) is not None and not is_done(event):
                self._joinable = False  # what it says cannot be read
        self._unread.clear()
        self._room = _UNREAD

    def _add(self, chunk: Chunk) -> None:
        if not self._head:
            self._head = {"id": chunk.id, "object": chunk.object, "created": chunk.created, "model": chunk.model}
        for choice in chunk.choices:
            delta = choice.delta
            if choice.index or (delta and delta.says_more_than_text()):
                self._joinable = False
            if text := choice.said():
                self._pieces.append(text)
            self._finished = self._finished or bool(choice.finish_reason)


def can_continue(document: Mapping[str, Raw]) -> bool:
    """Whether the answer to this request is one free text, which another target could finish."""
    several = bytes(document.get("n", Raw(b"1"))) not in (b"1", b"null")
    constrained = {name for name in document.keys() & _CONSTRAINED if bytes(document[name]) not in _PLAIN}
    free = not constrained or (constrained == {_FORMAT} and _is_text(document[_FORMAT]))
    return free and not several and _prompt_is_text(document)


def continuation(body: bytes, said: SaidSoFar, prefill: str, *, goes_on: bool = False) -> bytes:
    """The request for the rest: a chat with the text so far as the assistant's last message, or behind that where the
    answer `goes_on` from it; a completion with it behind the prompt. What was already said is taken off `max_tokens`.
    """
    document = split_object(body)
    if "messages" in document:
        messages: list[object] = [*_decode_list(document["messages"])]
        before = msgspec.json.decode(cast(Raw, messages.pop()))["content"] if goes_on else ""
        messages.append({"role": "assistant", "content": before + said.text})
        document["messages"] = Raw(_encode(messages))
        _ask_to_go_on(document, prefill)
    else:
        document["prompt"] = Raw(_encode(msgspec.json.decode(document["prompt"], type=str) + said.text))
    for name in ("max_tokens", "max_completion_tokens"):
        if bytes(given := document.get(name, Raw(b"null"))).isdigit():
            document[name] = Raw(str(max(1, int(bytes(given)) - said.count)).encode())
    return _encode(document)


def going_on(body: bytes, prefill: str) -> bytes:
    """The chat whose answer goes on behind its last message, as a target wants it."""
    document = split_object(body)
    _ask_to_go_on(document, prefill)
    return _encode(document)


def _ask_to_go_on(document: dict[str, Raw], prefill: str) -> None:
    if prefill == "prefix":
        *before, last = _decode_list(document["messages"])
        document["messages"] = Raw(_encode([*before, {**msgspec.json.decode(last), "prefix": True}]))
    elif prefill == "continue_final_message":
        document["add_generation_prompt"], document["continue_final_message"] = Raw(b"false"), Raw(b"true")


class CatchingUp:
    """A new answer to the same question, compared with what was said already. `feed` gives what may be passed on:
    nothing while it says the same again, then the rest. `diverged` turns True for good when it says something else."""

    __slots__ = ("_ahead", "_said", "diverged")

    def __init__(self, said: str) -> None:
        self._said, self._ahead = said, ""
        self.diverged = False

    @property
    def done(self) -> bool:
        return len(self._ahead) >= len(self._said) and not self.diverged

    def feed(self, event: bytes) -> bytes:
        chunk = read_chunk(event)
        text = "".join(choice.said() for choice in chunk.choices) if chunk else ""
        if chunk is None or self.diverged:
            return b""
        before, self._ahead = self._ahead, self._ahead + text
        shared = min(len(self._ahead), len(self._said))
        ends = any(choice.finish_reason for choice in chunk.choices)
        if self._ahead[:shared] != self._said[:shared] or (ends and not self.done):
            self.diverged = True
        if not self.done:
            return b""
        return _with_text(event, text[max(0, len(self._said) - len(before)) :])


def _with_text(event: bytes, text: str) -> bytes:
    """The chunk with another text, all else as it was; nothing where nothing is left to say."""
    document = msgspec.json.decode(data_of(event) or b"{}")
    for choice in document["choices"]:
        if "text" in choice:
            choice["text"] = text
        else:
            choice["delta"] = {**choice.get("delta", {}), "content": text}
    ends = any(choice.get("finish_reason") for choice in document["choices"])
    return b"data: " + _encode(document) + b"\n\n" if text or ends else b""


def with_tokens_before(event: bytes, before: int) -> bytes:
    """A chunk that tells usage, with the tokens of the first part of the answer counted in; any other as it is."""
    document = msgspec.json.decode(plain_data(event) or b"{}") if b'"usage"' in event else {}
    usage = document.get("usage")
    if not isinstance(usage, dict):
        return event
    counted = {name: usage[name] + before for name in _OUTPUT if isinstance(usage.get(name), int)}
    return b"data: " + _encode({**document, "usage": {**usage, **counted}}) + b"\n\n"


def restart_event(said: SaidSoFar) -> bytes:
    """A chunk that says nothing but that the answer begins anew: what came before it is to be thrown away."""
    choice = {"index": 0, "delta": {}, "finish_reason": None}
    return b"data: " + _encode({**said.head, "choices": [choice], "gateway": {"restart": True}}) + b"\n\n"


def _is_text(response_format: Raw) -> bool:
    """`{"type": "text"}` constrains nothing."""
    try:
        return _decode_format(response_format).type == "text"
    except msgspec.ValidationError:
        return False


def _prompt_is_text(document: Mapping[str, Raw]) -> bool:
    return "messages" in document or bytes(document.get("prompt", Raw(b"null")))[:1] == b'"'
