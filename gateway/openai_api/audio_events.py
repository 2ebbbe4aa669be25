"""Streaming transcription in OpenAI's event shapes, from whole transcripts or vLLM's chunks. Called by adapters."""

from typing import Any

import orjson

from gateway.errors import UpstreamBadResponse, UpstreamServerError
from gateway.openai_api.audio import Transcript
from gateway.openai_api.sse import DONE, data_of, event, is_done


def transcript_events(transcript: Transcript) -> list[bytes]:
    """One `transcript.text.delta` per segment, `transcript.text.done` and `[DONE]`. The deltas add up to the text."""
    deltas: list[str] = []
    position = 0
    for segment in transcript.segments:
        found = transcript.text.find(segment.text, position)
        if segment.text and found >= 0:
            deltas.append(transcript.text[position : found + len(segment.text)])
            position = found + len(segment.text)
    if rest := transcript.text[position:]:
        deltas.append(rest)
    return [*(_delta(text) for text in deltas), _done(transcript.text), DONE]


class ChunkTranslator:
    """One per stream: vLLM's `transcription.chunk` events in, OpenAI's `transcript.text.*` events out.

    Events that are OpenAI's already pass as they are. `done` tells whether the stream came to its proper end.
    Raises `UpstreamServerError` for an error event and `UpstreamBadResponse` for anything unknown.
    """

    def __init__(self) -> None:
        self.text = ""
        self.done = False
        self._told = False

    def feed(self, upstream_event: bytes) -> list[bytes]:
        if is_done(upstream_event):
            self.done = True
            return [DONE] if self._told else [_done(self.text), DONE]
        if (data := data_of(upstream_event)) is None:
            return []
        try:
            document = orjson.loads(data)
            return self._translate(document, data)
        except (orjson.JSONDecodeError, AttributeError, KeyError, IndexError, TypeError):
            raise UpstreamBadResponse("The provider sent an event that is not part of a transcript.") from None

    def _translate(self, document: dict[str, Any], data: bytes) -> list[bytes]:
        if document.get("error"):
            raise UpstreamServerError(
                "The provider broke off the transcription.", upstream=str(document["error"])[:500]
            )
        kind = document.get("type")
        if isinstance(kind, str) and kind.startswith("transcript."):
            self._told = self._told or kind == "transcript.text.done"
            self.text += document.get("delta") or ""
            return [event(data)]
        texts = [choice["delta"].get("content") or "" for choice in document["choices"]]
        self.text += "".join(texts)
        return [_delta(text) for text in texts if text]


def _delta(text: str) -> bytes:
    return event(orjson.dumps({"type": "transcript.text.delta", "delta": text}))


def _done(text: str) -> bytes:
    return event(orjson.dumps({"type": "transcript.text.done", "text": text}))
