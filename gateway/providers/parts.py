"""Contents that come in parts, as Mistral's reasoning models tell them, brought to texts and thoughts as clients of
OpenAI's API read them. Only for providers that do so: to look for it costs time in each event."""

from typing import Any

import msgspec

from gateway.dialects.chat import Said
from gateway.openai_api.call import ByteStream, Take, Usage
from gateway.openai_api.sse import data_of, event, plain_data

_HOSTS = frozenset({"api.mistral.ai"})
"""Source: Mistral's reference, "Reasoning"."""

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


def tells_parts(base_url: str) -> bool:
    """Whether this provider does so."""
    return base_url.partition("//")[2].partition("/")[0].lower() in _HOSTS


class PlainStream:
    """A chunk stream without contents in parts; all else passes as it came."""

    def __init__(self, chunks: ByteStream) -> None:
        self._chunks = chunks

    @property
    def usage(self) -> Usage | None:
        return self._chunks.usage

    async def pour(self, take: Take) -> None:
        await self._chunks.pour(lambda events: take([_plain_event(one) for one in events]))

    async def aclose(self) -> None:
        await self._chunks.aclose()


def plain_answer(body: bytes) -> bytes:
    """Of a chat completion, whole or a chunk; the same bytes where its contents are texts."""
    try:
        answer = _decode(body)
    except (msgspec.DecodeError, RecursionError):
        return body
    changed = [_flatten(choice) for choice in answer.get("choices") or ()]
    return _encode(answer) if any(changed) else body


def _plain_event(one: bytes) -> bytes:
    data = plain_data(one) or data_of(one)
    if data is None:
        return one
    plain = plain_answer(data)
    return one if plain is data else event(plain)


def _flatten(choice: dict[str, Any]) -> bool:
    said = choice.get("message") or choice.get("delta")
    if not isinstance(said, dict) or not isinstance(content := said.get("content"), list):
        return False
    told = Said(content=content)
    said["content"] = told.text
    if told.thoughts:
        said["reasoning_content"] = told.thoughts
    return True
