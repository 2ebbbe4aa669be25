"""The two shapes of generated text: chat completions and completions, whole and in chunks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chute_models.engines.transformers.generate import Piece, TokenLogprob, ToolCall


@dataclass(frozen=True, slots=True)
class Shape:
    """`opening` is a stream's first delta of a choice, None where the API has none."""

    prefix: str
    object: str
    chunk_object: str
    opening: Callable[[int], dict[str, Any] | None]
    deltas: Callable[[Piece], list[dict[str, Any]]]
    choice: Callable[[int, Sequence[Piece]], dict[str, Any]]


def usage(prompt: int, generated: int) -> dict[str, Any]:
    return {"prompt_tokens": prompt, "completion_tokens": generated, "total_tokens": prompt + generated}


def _chat_opening(index: int) -> dict[str, Any]:
    return {"index": index, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}


def _chat_deltas(piece: Piece) -> list[dict[str, Any]]:
    delta: dict[str, Any] = {"content": piece.text} if piece.text or not (piece.finish or piece.calls) else {}
    if piece.calls:
        delta["tool_calls"] = [{"index": call.index, **_call(call)} for call in piece.calls]
    logprobs = _chat_logprobs([piece])
    return [{"index": piece.index, "delta": delta, "logprobs": logprobs, **_end(piece)}]


def _chat_choice(index: int, pieces: Sequence[Piece]) -> dict[str, Any]:
    text, calls = "".join(piece.text for piece in pieces), [call for piece in pieces for call in piece.calls]
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    if calls:
        message |= {"content": text.strip() or None, "tool_calls": [_call(call) for call in calls]}
    return {"index": index, "message": message, "logprobs": _chat_logprobs(pieces), **_end(pieces[-1])}


def _end(piece: Piece) -> dict[str, Any]:
    """As vLLM tells it: which stop string it was, where one was."""
    end: dict[str, Any] = {"finish_reason": piece.finish}
    return end | {"stop_reason": piece.stopped_by} if piece.stopped_by else end


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _chat_logprobs(pieces: Sequence[Piece]) -> dict[str, Any] | None:
    found = [piece.logprob for piece in pieces if piece.logprob]
    if not found:
        return None
    content = [
        {**_named(one.token, one.logprob), "top_logprobs": [_named(token, score) for token, score in one.top]}
        for one in found
    ]
    return {"content": content, "refusal": None}


def _named(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


def _no_opening(index: int) -> None:
    return None


def _text_deltas(piece: Piece) -> list[dict[str, Any]]:
    return [_text_choice(piece.index, [piece])]


def _text_choice(index: int, pieces: Sequence[Piece]) -> dict[str, Any]:
    found = [piece.logprob for piece in pieces if piece.logprob]
    return {
        "index": index,
        "text": "".join(piece.text for piece in pieces),
        "logprobs": _text_logprobs(found) if found else None,
        **_end(pieces[-1]),
    }


def _text_logprobs(found: Sequence[TokenLogprob]) -> dict[str, Any]:
    offsets = [0]
    for one in found[:-1]:
        offsets.append(offsets[-1] + len(one.token))
    return {
        "tokens": [one.token for one in found],
        "token_logprobs": [one.logprob for one in found],
        "top_logprobs": [dict(one.top) for one in found],
        "text_offset": offsets,
    }


CHAT = Shape("chatcmpl", "chat.completion", "chat.completion.chunk", _chat_opening, _chat_deltas, _chat_choice)
COMPLETION = Shape("cmpl", "text_completion", "text_completion", _no_opening, _text_deltas, _text_choice)
