"""What a chunk of a chat or completion stream holds. Read for the first events of a stream, and by its guard."""

import msgspec

from gateway.openai_api.sse import data_of, is_done, plain_data


class Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: msgspec.Raw | None = None
    function_call: msgspec.Raw | None = None

    def says_more_than_text(self) -> bool:
        return bool(self.refusal) or _given(self.tool_calls) or _given(self.function_call)

    def says_something(self) -> bool:
        return bool(self.content or self.reasoning_content or self.reasoning) or self.says_more_than_text()


class Choice(msgspec.Struct):
    index: int = 0
    delta: Delta | None = None
    text: str | None = None
    finish_reason: str | None = None

    def said(self) -> str:
        """The text of the answer in this chunk."""
        return self.text or (self.delta.content if self.delta else None) or ""


class Chunk(msgspec.Struct):
    id: str | None = None
    object: str | None = None
    created: int | None = None
    model: str | None = None
    choices: list[Choice] = []


_decode = msgspec.json.Decoder(Chunk).decode


def read_chunk(event: bytes) -> Chunk | None:
    """None for comments, `[DONE]` and whatever is no chunk."""
    data = plain_data(event) or data_of(event)
    if data is None or is_done(event):
        return None
    try:
        return _decode(data)
    except msgspec.DecodeError:
        return None


def has_content(event: bytes) -> bool:
    """Whether this event is part of the answer itself: no comment, no chunk that only names the role or the usage.

    Events of other kinds count as content, since nothing is known of them.
    """
    chunk = read_chunk(event)
    if chunk is None:
        return data_of(event) is not None
    return any(c.text or c.finish_reason or (c.delta and c.delta.says_something()) for c in chunk.choices)


def only_role(event: bytes) -> bool:
    """Whether a chunk says nothing but who speaks."""
    chunk = read_chunk(event)
    return chunk is not None and bool(chunk.choices) and not has_content(event)


def _given(raw: msgspec.Raw | None) -> bool:
    return raw is not None and bytes(raw) not in (b"null", b"[]")
