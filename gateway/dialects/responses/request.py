"""A Responses request as a chat completion. Source of the fields: OpenAI's API reference, Responses."""

from typing import Any

import orjson

from gateway.dialects.base import Speaker, Translation
from gateway.dialects.chat import Chat
from gateway.dialects.fields import (
    Document,
    as_list,
    as_object,
    optional_object,
    read_document,
    required,
    required_text,
    unknown,
)
from gateway.dialects.places import Places
from gateway.dialects.responses.answer import Frame, whole_response
from gateway.dialects.responses.conversation import read_messages
from gateway.dialects.responses.speaker import ResponseSpeaker
from gateway.dialects.responses.tools import Tools, is_offer, read_choice, read_tools
from gateway.errors import GatewayError, InvalidRequest

_EARLIER = "No response is kept here: send the earlier items in 'input'."
_REFUSED = {
    "background": "Nobody answers in the background here: leave it out, and read the answer as a stream if it is long.",
    "conversation": _EARLIER,
    "moderation": "Nobody moderates here: leave it out.",
    "n": "A response is one answer: leave it out, and ask again for another.",
    "previous_response_id": _EARLIER,
    "prompt": "Prompt templates are kept at OpenAI only: send their text in 'instructions' and 'input'.",
}
"""Fields that demand what is not there, and what to do instead."""
_HERE_ONLY = frozenset(
    {
        *_REFUSED, "access_programs", "client_metadata", "context_management", "image", "include", "input",
        "instructions", "max_output_tokens", "max_tool_calls", "messages", "metadata", "prompt_cache_options",
        "reasoning", "store", "stream_options", "text", "tool_choice", "tools", "top_logprobs", "truncation",
    }
)  # fmt: skip
"""Fields that chat completions do not know: read here, or meant for OpenAI's own servers and left out."""
_FIELDS = {
    "messages": "input",
    "max_tokens": "max_output_tokens",
    "reasoning_effort": "reasoning.effort",
    "response_format": "text.format",
    "verbosity": "text.verbosity",
}
"""Where a caller finds what the chat completion calls so."""
_LOGPROBS = "message.output_text.logprobs"
_SEALED = "reasoning.encrypted_content"
_TOLD_AGAIN = (
    "instructions", "max_output_tokens", "max_tool_calls", "prompt_cache_key", "safety_identifier", "temperature",
    "top_p", "user",
)  # fmt: skip


class ResponsesTranslation(Translation):
    def __init__(self, body: bytes) -> None:
        """Raises InvalidRequest naming the field of the Responses request."""
        document = read_document(body)
        for name, message in _REFUSED.items():
            if document.get(name) not in (None, False):
                raise InvalidRequest(f"'{name}': {message}", param=name, code="unsupported_parameter")
        tools = read_tools(document.get("tools"), document.get("input"))
        choice, self._tools = read_choice(document.get("tool_choice"), tools)
        chat = _chat(document, choice, self._tools)
        self.chat, self._places = orjson.dumps(chat), Places(chat, _FIELDS)
        self._model, self._echo = str(document.get("model")), _echo(document)
        self._seals, self._sums_up = _includes(document, _SEALED), _sums_up(document)

    def named(self, error: GatewayError) -> GatewayError:
        return self._places.named(error)

    def whole(self, chat: Chat) -> dict[str, Any]:
        return whole_response(chat, self._frame(chat), self._tools)

    def speaker(self) -> Speaker:
        return ResponseSpeaker(self._frame, self._tools)

    def _frame(self, chat: Chat) -> Frame:
        return Frame.of(chat, self._model, self._echo, seals=self._seals, sums_up=self._sums_up)


def _chat(document: Document, choice: Any, tools: Tools) -> Document:
    chat = {name: value for name, value in document.items() if name not in _HERE_ONLY and value is not None}
    chat["messages"] = read_messages(
        document.get("instructions"), required(document, "input"), _keeps_thoughts(document)
    )
    if (most := document.get("max_output_tokens")) is not None:
        chat["max_tokens"] = most
    if tools:
        chat["tools"] = [{"type": "function", "function": tool.function} for tool in tools.values()]
    else:
        chat.pop("parallel_tool_calls", None)
    if choice is not None:
        chat["tool_choice"] = choice
    if document.get("stream") is True:
        chat["stream_options"] = {"include_usage": True}
    return chat | _text(document) | _thinking(document) | _logprobs(document)


def _text(document: Document) -> Document:
    text = optional_object(document, "text")
    found = {} if (verbosity := text.get("verbosity")) is None else {"verbosity": verbosity}
    if text.get("format") is None:
        return found
    form = as_object(text["format"], "text.format")
    kind = required_text(form, "type", "text.format")
    if kind == "json_schema":
        required_text(form, "name", "text.format")
        as_object(required(form, "schema", "text.format"), "text.format.schema")
        schema = {name: value for name, value in form.items() if name != "type" and value is not None}
        return {**found, "response_format": {"type": kind, "json_schema": schema}}
    if kind == "json_object":
        return {**found, "response_format": {"type": kind}}
    if kind != "text":
        raise unknown("text.format.type", kind, "text, json_object, json_schema")
    return found


def _thinking(document: Document) -> Document:
    effort = optional_object(document, "reasoning").get("effort")
    return {} if effort is None else {"reasoning_effort": effort}


def _sums_up(document: Document) -> bool:
    """Nobody sums thoughts up here: whoever asks for a summary is told all of them as one."""
    reasoning = optional_object(document, "reasoning")
    return any(reasoning.get(name) for name in ("summary", "generate_summary"))


def _keeps_thoughts(document: Document) -> bool:
    """Of earlier turns, too: what to do with them is the model's affair, unless the caller says otherwise."""
    return optional_object(document, "reasoning").get("context") != "current_turn"


def _logprobs(document: Document) -> Document:
    """Chat completions take `top_logprobs` beside `logprobs` only."""
    if most := document.get("top_logprobs"):
        return {"logprobs": True, "top_logprobs": most}
    return {"logprobs": True} if _includes(document, _LOGPROBS) else {}


def _includes(document: Document, name: str) -> bool:
    included = document.get("include")
    return included is not None and name in as_list(included, "include")


def _echo(document: Document) -> Document:
    """What a response repeats of its request, and what OpenAI's would say where the request says nothing."""
    given = {name: value for name, value in document.items() if value is not None}
    return {
        **{name: given.get(name) for name in _TOLD_AGAIN},
        "background": False,
        "metadata": given.get("metadata", {}),
        "parallel_tool_calls": given.get("parallel_tool_calls", True),
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None, **given.get("reasoning", {})},
        "store": False,
        "text": {"format": {"type": "text"}, **given.get("text", {})},
        "tool_choice": given.get("tool_choice", "auto"),
        "tools": [_told_tool(tool) for tool in given.get("tools", []) if not is_offer(tool)],
        "top_logprobs": given.get("top_logprobs", 0),
        "truncation": "disabled",
    }


def _told_tool(tool: Document) -> Document:
    whole = {"description": None, "parameters": None, "strict": False}
    return {**whole, **tool} if tool["type"] == "function" else tool
