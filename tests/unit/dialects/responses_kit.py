"""Requests of the Responses API read, and chat completions told as responses."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any, get_args
from unittest.mock import patch

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel

from gateway.dialects.base import TranslatedStream
from gateway.dialects.responses import RESPONSES
from gateway.openai_api.call import Take

EVENTS: dict[str, type[BaseModel]] = {
    get_args(one.model_fields["type"].annotation)[0]: one for one in get_args(get_args(ResponseStreamEvent)[0])
}
"""The shape that OpenAI's own client has for each type of event."""
WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": True}
PATCH = {"type": "custom", "name": "patch", "description": "Changes files."}
USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 5,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


def chat_of(**request: Any) -> Any:
    """The chat completion that is asked for."""
    body = {"model": "m", "input": "Hello", **request}
    return json.loads(RESPONSES.translate(json.dumps(body).encode()).chat)


def messages_of(given: Any, **request: Any) -> Any:
    return chat_of(input=given, **request)["messages"]


def call(name: str, arguments: str, **more: Any) -> dict[str, Any]:
    return {"id": f"call_{name}", "function": {"name": name, "arguments": arguments}, **more}


def completion(message: dict[str, Any], finish: str = "stop", **choice: Any) -> dict[str, Any]:
    choices = [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish, **choice}]
    return {"id": "chatcmpl-7", "created": 1700000000, "model": "gpt-x", "choices": choices, "usage": USAGE}


def ids_of(key: str) -> Any:
    """While it lasts, all ids of responses have the same part that is else random."""
    return patch("gateway.dialects.responses.answer.uuid4", lambda: SimpleNamespace(hex=key))


def whole(document: Any, **request: Any) -> Any:
    """A chat completion told, and held against the shapes of OpenAI's own client."""
    translation = RESPONSES.translate(json.dumps({"model": "m", "input": "Hello", **request}).encode())
    with ids_of("7"):
        response = json.loads(translation.answer(json.dumps(document).encode()))
    Response.model_validate(response)
    return response


def chunk(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> bytes:
    """One of a stream; None for the last, which tells the usage alone."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish, **more}]
    usage = {"usage": USAGE} if delta is None else {}
    document = {"id": "chatcmpl-7", "created": 1700000000, "model": "gpt-x", "choices": choices, **usage}
    return b"data: " + json.dumps(document).encode() + b"\n\n"


class Source:
    usage = None

    def __init__(self, events: list[bytes]) -> None:
        self._events = events

    async def pour(self, take: Take) -> None:
        for one in self._events:
            if (waiting := take([one])) is not None:
                await waiting

    async def aclose(self) -> None: ...


def streamed(chunks: list[bytes], **request: Any) -> list[Any]:
    """The events that chat chunks are told as, each held against the shapes of OpenAI's own client."""
    body = {"model": "m", "input": "Hello", "stream": True, **request}
    translation = RESPONSES.translate(json.dumps(body).encode())
    pieces: list[bytes] = []
    with ids_of("7"):
        asyncio.run(TranslatedStream(Source([*chunks, b"data: [DONE]\n\n"]), translation).pour(pieces.extend))
    found = []
    for piece in pieces:
        kind, data = piece.decode().removesuffix("\n\n").split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert kind == f"event: {found[-1]['type']}"
        EVENTS[found[-1]["type"]].model_validate(found[-1])
    assert [one["sequence_number"] for one in found] == list(range(len(found)))
    return found


def timeless(response: Any) -> Any:
    """Without the moment at which it was complete."""
    return {name: value for name, value in response.items() if name != "completed_at"}
