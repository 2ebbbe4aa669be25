"""A chat completion told as a Message. Source of the shapes: Anthropic's API reference, version 2023-06-01."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import orjson

from gateway.dialects.chat import Chat, Choice, Tokens, ToolCall
from gateway.dialects.messages.thoughts import signature
from gateway.errors import UpstreamBadResponse

_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "max_tokens": "max_tokens",
    "model_length": "max_tokens",
    "tool_calls": "tool_use",
    "tool_use": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
    "safety": "refusal",
    "sensitive": "refusal",
    "model_context_window_exceeded": "model_context_window_exceeded",
}
"""OpenAI's words, and those of Anthropic, Google, Mistral and Z.ai."""
_BROKEN = frozenset({"abort", "error", "insufficient_system_resource", "network_error"})
"""How SGLang, OpenRouter, DeepSeek and Z.ai say that an answer was not brought to its end."""


def message(chat: Chat, model: str, stops: Sequence[str]) -> dict[str, Any]:
    """`model` is the name that was asked for, and `stops` the texts that were to end the answer. Raises
    UpstreamBadResponse where nothing was answered, the answer broke off, or a tool was called with arguments that are
    no object."""
    choice = chat.choice
    if choice is None:
        raise UpstreamBadResponse("The provider's answer has no choice.")
    content = _content(choice, model)
    called = any(block["type"] == "tool_use" for block in content)
    return {
        **empty_message(chat, model),
        "content": content,
        **ending(choice.finish_reason, met(choice, stops), called=called, refused=bool(choice.said.refusal)),
        "usage": usage(chat.tokens),
    }


def empty_message(chat: Chat, model: str) -> dict[str, Any]:
    """What a stream begins with."""
    return {
        "id": f"msg_{chat.name.removeprefix('chatcmpl-') or uuid4().hex}",
        "type": "message",
        "role": "assistant",
        "model": chat.answerer or model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage(chat.tokens),
    }


def met(choice: Choice, stops: Sequence[str]) -> str | None:
    """The one of `stops` that ended the answer, where the provider tells."""
    return next((text for text in choice.stopped_by if text and text in stops), None)


def ending(finish: str | None, stop: str | None, *, called: bool, refused: bool) -> dict[str, str | None]:
    """`stop` is what `met` says. Raises UpstreamBadResponse for an answer that broke off."""
    reason = _reason(finish, called=called, refused=refused)
    if stop is None or reason != "end_turn":
        return {"stop_reason": reason, "stop_sequence": None}
    return {"stop_reason": "stop_sequence", "stop_sequence": stop}


def _reason(finish: str | None, *, called: bool, refused: bool) -> str:
    """Some servers say `stop` where tools were called. What no table knows ended the turn all the same."""
    if finish in _BROKEN:
        raise UpstreamBadResponse(f"The provider broke the answer off: it ended with '{finish}'.")
    reason = _REASONS.get(finish or "", "end_turn")
    if reason != "end_turn":
        return reason
    return "tool_use" if called else "refusal" if refused else reason


def usage(told: Tokens | None) -> dict[str, Any]:
    """`input_tokens` are those that no cache knew."""
    tokens = told or Tokens()
    return {
        "input_tokens": max(0, (tokens.asked or 0) - tokens.cached),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": tokens.cached,
        "output_tokens": tokens.answered or 0,
    }


def tool_use(name: str | None, arguments: dict[str, Any], wanted: str | None, given: set[str]) -> dict[str, Any]:
    """Its id is what the provider `wanted`, unless that is missing or was `given` to an earlier call of the answer:
    each result must name one call, of all calls of a conversation."""
    found = wanted if wanted and wanted not in given else f"toolu_{uuid4().hex}"
    given.add(found)
    return {"type": "tool_use", "id": found, "name": name or "", "input": arguments}


def read_arguments(text: str) -> dict[str, Any] | None:
    """None for what is no JSON object. Some models write nothing or `null` where a tool takes none."""
    try:
        found = orjson.loads(text.strip() or "null")
    except orjson.JSONDecodeError:
        return None
    if found is None:
        return {}
    return found if isinstance(found, dict) else None


def _content(choice: Choice, model: str) -> list[dict[str, Any]]:
    said = choice.said
    blocks: list[dict[str, Any]] = []
    if said.thoughts:
        blocks.append({"type": "thinking", "thinking": said.thoughts, "signature": signature(said, model)})
    if text := said.text or said.refusal:
        blocks.append({"type": "text", "text": text})
    cut = _REASONS.get(choice.finish_reason or "") == "max_tokens"
    given: set[str] = set()
    for call in said.calls:
        blocks.append(tool_use(call.name, _arguments(call, cut=cut), call.id, given))
    return blocks


def _arguments(call: ToolCall, *, cut: bool) -> dict[str, Any]:
    """None of a call in which the answer reached its most tokens: its `stop_reason` says so."""
    found = read_arguments(call.text)
    if found is None and not cut:
        raise UpstreamBadResponse(f"The model called '{call.name}' with arguments that are no JSON object.")
    return found or {}
