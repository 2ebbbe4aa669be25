"""Anthropic's Messages API: `POST /v1/messages`."""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.dialects.base import Dialect, Speaker, Translation
from gateway.dialects.chat import Chat
from gateway.dialects.messages.answer import message
from gateway.dialects.messages.errors import ID_HEADER, render_error, render_error_event
from gateway.dialects.messages.request import read_request
from gateway.dialects.messages.speaker import MessageSpeaker
from gateway.dialects.places import Placed, Places
from gateway.errors import GatewayError

_FIELDS = {
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    "response_format": "output_config.format",
    "stop": "stop_sequences",
    "user": "metadata.user_id",
}
"""Where a caller finds what the chat completion calls so."""


class _MessagesTranslation(Translation):
    def __init__(self, body: bytes) -> None:
        request = read_request(body, "max_tokens")
        self.chat = orjson.dumps(request)
        self._places = Places(request, _FIELDS)
        self.goes_on = _ends_in_the_midst(request["messages"])
        self._model = str(request.get("model", ""))
        self._stops = request.get("stop", ())

    def named(self, error: GatewayError) -> GatewayError:
        return self._places.named(error)

    def whole(self, chat: Chat) -> dict[str, Any]:
        return message(chat, self._model, self._stops)

    def speaker(self) -> Speaker:
        return MessageSpeaker(self._model, self._stops)


def _ends_in_the_midst(messages: list[Placed]) -> bool:
    """Whether the assistant has begun the answer already."""
    last = messages[-1] if messages else {}
    return last.get("role") == "assistant" and bool(last["content"]) and "tool_calls" not in last


MESSAGES = Dialect("/v1/messages", _MessagesTranslation, render_error, render_error_event, ID_HEADER)


def is_meant(path: str, headers: Mapping[str, str]) -> bool:
    """Whether this API is asked for something beside Messages. The models have the same path in OpenAI's API, which
    knows no such header."""
    return path.startswith(f"{MESSAGES.path}/") or (path.startswith("/v1/models") and "anthropic-version" in headers)
