"""A chat completion told as a response. Source of the shapes: OpenAI's API reference, Responses."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import orjson

from gateway.dialects.chat import Chat, Choice, Said, Tokens, ToolCall
from gateway.dialects.fields import Document
from gateway.dialects.responses.thoughts import chat_field, id_end, sealed
from gateway.dialects.responses.tools import SEARCH, Tool, Tools, free_text, search_arguments
from gateway.errors import GatewayError, UpstreamBadResponse

_REASONS = {
    "length": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "model_length": "max_output_tokens",
    "model_context_window_exceeded": "max_output_tokens",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "sensitive": "content_filter",
}
"""Why an answer is not whole, for the `finish_reason` that says so: OpenAI's words, and those of Anthropic, Google,
Mistral and Z.ai."""

SUMMARY = "summary_text"
"""The kind of a part that tells thoughts as their summary."""

_PREFIXES = {"function": "fc", "custom": "ctc", SEARCH: "tsc"}
"""Of the ids of calls, by the kinds of tools."""


@dataclass(slots=True)
class Part:
    """`kind` is output_text, refusal, reasoning_text or summary_text."""

    kind: str
    pieces: list[str] = field(default_factory=list)
    logprobs: list[Document] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def document(self) -> Document:
        if self.kind == "refusal":
            return {"type": self.kind, "refusal": self.text}
        if self.kind in ("reasoning_text", SUMMARY):
            return {"type": self.kind, "text": self.text}
        return {"type": self.kind, "text": self.text, "annotations": [], "logprobs": [*self.logprobs]}


@dataclass(slots=True)
class Spoken:
    """A message, or what was thought: `kind` is message or reasoning, `place` the item's index in the output. Thoughts
    that shall be sealed have the field from which they came."""

    kind: str
    id: str
    place: int
    sealed_from: str | None = None
    parts: list[Part] = field(default_factory=list)

    def document(self, status: str) -> Document:
        own: Document = {"role": "assistant"}
        if self.kind == "reasoning":
            own = {"summary": [part.document() for part in self.parts if part.kind == SUMMARY]}
        if self.sealed_from:
            thoughts = "".join(part.text for part in self.parts)
            own["encrypted_content"] = None if status == "in_progress" else sealed(self.sealed_from, thoughts)
        content = [part.document() for part in self.parts if part.kind != SUMMARY]
        return {"id": self.id, "type": self.kind, "status": status, **own, "content": content}


@dataclass(slots=True)
class Called:
    """A call of one of the caller's tools."""

    id: str
    place: int
    call_id: str
    tool: Tool
    pieces: list[str] = field(default_factory=list)

    @property
    def arguments(self) -> str:
        """JSON, or the text for a tool that takes such."""
        told = "".join(self.pieces)
        return free_text(told) if self.tool.kind == "custom" else told

    @property
    def is_whole(self) -> bool:
        """Whether its arguments are an object, to which nothing can be added."""
        if not (self.pieces and self.pieces[-1].rstrip().endswith("}")):
            return False
        try:
            orjson.loads("".join(self.pieces))
        except orjson.JSONDecodeError:
            return False
        return True

    def end(self, status: str) -> str:
        """What is still to be told of it: arguments are read as JSON, where there are none too."""
        rest = "{}" if status == "completed" and self.tool.kind == "function" and not any(self.pieces) else ""
        if rest:
            self.pieces.append(rest)
        return rest

    def document(self, status: str) -> Document:
        tool, own = self.tool, {"id": self.id, "status": status, "call_id": self.call_id}
        if tool.kind == SEARCH:
            told = {"execution": "client", "arguments": search_arguments(self.arguments)}
            return {**own, "type": "tool_search_call", **told}
        kind, name = ("custom_tool_call", "input") if tool.kind == "custom" else ("function_call", "arguments")
        document = {**own, "type": kind, "name": tool.name, name: self.arguments}
        return {**document, "namespace": tool.namespace} if tool.namespace else document


Item = Spoken | Called


@dataclass(frozen=True, slots=True)
class Frame:
    """What one response says beside its output. It `seals` thoughts, and tells them as their summary (it `sums_up`),
    where the request asked for that.

    `key` is the part of all its ids that no other response has: clients take items with one id for one item, and not
    every provider gives each answer an id of its own, nor does the cache.
    """

    key: str
    created: int
    model: str
    tier: str | None
    echo: Document
    seals: bool
    sums_up: bool
    _call_ids: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, chat: Chat, model: str, echo: Document, *, seals: bool, sums_up: bool) -> "Frame":
        """`model` is the one that was asked for, in case the provider says nothing."""
        created = chat.moment or int(time.time())
        return cls(uuid4().hex, created, chat.answerer or model, chat.tier, echo, seals, sums_up)

    def message(self, index: int) -> Spoken:
        """This and the next two make a new item, `index` being its place in the output."""
        return Spoken("message", f"msg_{self.key}_{index}", index)

    def thoughts(self, said: Said, index: int) -> Spoken:
        field = chat_field(said)
        id = f"rs_{self.key}_{index}{id_end(field, summed_up=self.sums_up)}"
        return Spoken("reasoning", id, index, field if self.seals else None)

    @property
    def thoughts_kind(self) -> str:
        """That of the parts of thoughts."""
        return SUMMARY if self.sums_up else "reasoning_text"

    def called(self, call: ToolCall, tools: Tools, index: int) -> Called:
        """Raises UpstreamBadResponse for a call of nothing. What is no tool of the caller's is told all the same."""
        if not call.name:
            raise UpstreamBadResponse("The model called a tool without a name.")
        tool = tools.get(call.name) or Tool(call.name)
        return Called(f"{_PREFIXES[tool.kind]}_{self.key}_{index}", index, self._call_id(call, index), tool)

    def _call_id(self, call: ToolCall, index: int) -> str:
        """The provider's, unless it gave the same to another call: results are told apart by it."""
        id = call.id if call.id and call.id not in self._call_ids else f"call_{self.key}_{index}"
        self._call_ids.add(id)
        return id

    def begun(self) -> Document:
        return self._response("in_progress", [], None, None)

    def ended(self, items: list[Document], finish: str | None, tokens: Tokens | None) -> Document:
        """`finish` is the `finish_reason` of the chat completion."""
        return self._response(outcome(finish), items, _REASONS.get(finish or ""), tokens)

    def failed(self, items: list[Document], error: GatewayError) -> Document:
        told = {"code": error.error_code or "server_error", "message": error.message}
        return {**self._response("failed", items, None, None), "error": told}

    def _response(self, status: str, output: list[Document], reason: str | None, tokens: Tokens | None) -> Document:
        return {
            "id": f"resp_{self.key}",
            "object": "response",
            "created_at": self.created,
            "completed_at": int(time.time()) if status == "completed" else None,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": reason} if reason else None,
            "model": self.model,
            "output": output,
            "service_tier": self.tier,
            "usage": _usage(tokens) if tokens else None,
            **self.echo,
        }


def whole_response(chat: Chat, frame: Frame, tools: Tools) -> Document:
    """Raises UpstreamBadResponse where nothing was answered."""
    choice = chat.choice
    if choice is None:
        raise UpstreamBadResponse("The provider's answer has no choice.")
    items = list(_items(choice, frame, tools))
    output = [_ended(item, "completed") for item in items[:-1]]
    output += [_ended(item, outcome(choice.finish_reason)) for item in items[-1:]]
    return frame.ended(output, choice.finish_reason, chat.tokens)


def _ended(item: Item, status: str) -> Document:
    if isinstance(item, Called):
        item.end(status)
    return item.document(status)


def outcome(finish: str | None) -> str:
    """The status of a response, and of its last item."""
    return "incomplete" if finish in _REASONS else "completed"


def logprobs(choice: Choice) -> list[Document]:
    return [
        {**_logprob(one), "top_logprobs": [_logprob(other) for other in one.get("top_logprobs") or ()]}
        for one in choice.token_logprobs
    ]


def _logprob(told: dict[str, Any]) -> Document:
    return {"token": told.get("token") or "", "bytes": told.get("bytes") or [], "logprob": told.get("logprob") or 0.0}


def _items(choice: Choice, frame: Frame, tools: Tools) -> Iterator[Item]:
    """Those of a whole answer, in the order of their making."""
    said, index = choice.said, 0
    if said.thoughts:
        thoughts = frame.thoughts(said, index)
        thoughts.parts.append(Part(frame.thoughts_kind, [said.thoughts]))
        yield thoughts
        index += 1
    if said.text or said.refusal:
        message = frame.message(index)
        if said.text:
            message.parts.append(Part("output_text", [said.text], logprobs(choice)))
        if said.refusal:
            message.parts.append(Part("refusal", [said.refusal]))
        yield message
        index += 1
    for call in said.calls:
        called = frame.called(call, tools, index)
        called.pieces.append(call.text)
        yield called
        index += 1


def _usage(tokens: Tokens) -> Document:
    asked, answered = tokens.asked or 0, tokens.answered or 0
    return {
        "input_tokens": asked,
        "input_tokens_details": {"cached_tokens": tokens.cached, "cache_write_tokens": 0},
        "output_tokens": answered,
        "output_tokens_details": {"reasoning_tokens": tokens.thought},
        "total_tokens": asked + answered,
    }
