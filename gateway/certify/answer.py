"""The answer that every upstream model of certify gives: sixty words known in advance, so that each can be checked."""

import json
import time
from dataclasses import dataclass, field
from typing import Any

_ONES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty"]
_WORDS = [*_ONES, *_TEENS, *(word for ten in _TENS for word in (ten, *(f"{ten}-{one}" for one in _ONES))), "sixty"]

TOKENS = (_WORDS[0], *(f" {word}" for word in _WORDS[1:]))
"""Sixty, none twice; every one but the first begins with its space, as tokens do."""
TEXT = "".join(TOKENS)
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Question:
    """What an upstream model was asked. `prefill` is the text of a last message by the assistant, else empty."""

    model: str
    prompt_tokens: int
    """What this model says it counted: each model another number, so that usage tells who answered."""
    stream: bool
    wants_usage: bool
    prefill: str
    at: float = field(default_factory=time.monotonic)

    @property
    def rest(self) -> tuple[str, ...]:
        """What is still to be said. A model that cannot make sense of the prefill begins anew, as real ones do."""
        said = next((n for n in range(len(TOKENS) + 1) if "".join(TOKENS[:n]) == self.prefill), 0)
        return TOKENS[said:]

    @property
    def usage(self) -> dict[str, int]:
        said = len(self.rest)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": said,
            "total_tokens": self.prompt_tokens + said,
        }


def read_question(document: Any, prompt_tokens: int) -> Question:
    last = document["messages"][-1]
    return Question(
        model=document["model"],
        prompt_tokens=prompt_tokens,
        stream=bool(document.get("stream")),
        wants_usage=bool((document.get("stream_options") or {}).get("include_usage")),
        prefill=last["content"] if last["role"] == "assistant" else "",
    )


def whole(question: Question) -> dict[str, Any]:
    message = {"role": "assistant", "content": "".join(question.rest)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {**_frame(question, "chat.completion"), "choices": [choice], "usage": question.usage}


def opening(question: Question) -> bytes:
    """The chunk that only names the role: no content yet."""
    return _chunk(question, {"role": "assistant", "content": ""})


def tokens(question: Question) -> list[bytes]:
    return [_chunk(question, {"content": token}) for token in question.rest]


def ending(question: Question) -> list[bytes]:
    """The finish reason and the usage if it was asked for; not `[DONE]`."""
    finish = _chunk(question, {}, "stop")
    usage = {**_frame(question, "chat.completion.chunk"), "choices": [], "usage": question.usage}
    return [finish, _event(usage)] if question.wants_usage else [finish]


def _chunk(question: Question, delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _event({**_frame(question, "chat.completion.chunk"), "choices": [choice]})


def _frame(question: Question, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{question.model}", "object": kind, "created": int(time.time()), "model": question.model}


def _event(document: object) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"
