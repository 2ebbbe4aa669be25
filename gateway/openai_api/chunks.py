"""What a chunk of a chat or completion stream holds. Called only for the first events of a stream."""

import msgspec

from gateway.openai_api.sse import data_of, is_done


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: msgspec.Raw | None = None
    function_call: msgspec.Raw | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    text: str | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []


_decode = msgspec.json.Decoder(_Chunk).decode


def has_content(event: bytes) -> bool:
    """Whether this event is part of the answer itself: no comment, no chunk that only names the role or the usage.

    Events of other kinds count as content, since nothing is known of them.
    """
    data = data_of(event)
    if data is None or is_done(event):
        return data is not None
    try:
        chunk = _decode(data)
    except msgspec.DecodeError:
        return True
    return any(choice.text or choice.finish_reason or _says(choice.delta) for choice in chunk.choices)


def _says(delta: _Delta | None) -> bool:
    if delta is None:
        return False
    texts = (delta.content, delta.reasoning_content, delta.reasoning, delta.refusal)
    return any(texts) or _given(delta.tool_calls) or _given(delta.function_call)


def _given(raw: msgspec.Raw | None) -> bool:
    return raw is not None and bytes(raw) not in (b"null", b"[]")
