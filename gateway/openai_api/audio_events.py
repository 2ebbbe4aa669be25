"""A transcript as the stream of events that OpenAI's API sends. Called by `pipeline`."""

import orjson

from gateway.openai_api.audio import Transcript
from gateway.openai_api.sse import DONE, event


def transcript_events(transcript: Transcript) -> list[bytes]:
    """One `transcript.text.delta` per segment, `transcript.text.done` and `[DONE]`. The deltas add up to the text."""
    return [*text_deltas(transcript), *closing_events(transcript.text)]


def text_deltas(transcript: Transcript, gap: str = "") -> list[bytes]:
    """The deltas of a transcript, `gap` before the first."""
    deltas: list[str] = []
    position = 0
    for segment in transcript.segments:
        found = transcript.text.find(segment.text, position)
        if segment.text and found >= 0:
            deltas.append(transcript.text[position : found + len(segment.text)])
            position = found + len(segment.text)
    if rest := transcript.text[position:]:
        deltas.append(rest)
    return [_delta(text if n else gap + text) for n, text in enumerate(deltas)]


def closing_events(text: str) -> list[bytes]:
    """What follows the deltas of `text`."""
    return [_done(text), DONE]


def _delta(text: str) -> bytes:
    return event(orjson.dumps({"type": "transcript.text.delta", "delta": text}))


def _done(text: str) -> bytes:
    return event(orjson.dumps({"type": "transcript.text.done", "text": text}))
