"""What stand-in chutes answer: small, the same for the same request, in each kind's own shape. Called by the hosts."""

import asyncio
import base64
import binascii
import hashlib
import re
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import orjson
from starlette.responses import JSONResponse, Response, StreamingResponse

from gateway.platform.identity import Refused

DIMENSIONS = 64
_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc000000301010018dd8db0"
    "0000000049454e44ae426082"
)
_PAUSE = 0.005
"""Seconds between the words of a stream."""


def chat(model: str, request: dict[str, Any], *, thinks: bool) -> Response:
    """`/v1/chat/completions` in both modes; with `thinks` the answer begins with reasoning."""
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refused(400, "messages: Field required")
    said = f"You said: {_last_text(messages)}"
    thought = "The caller wrote something; I repeat it." if thinks else ""
    if request.get("stream"):
        return StreamingResponse(_chat_stream(model, said, thought, request), media_type="text/event-stream")
    message: dict[str, Any] = {"role": "assistant", "content": said}
    if thought:
        message["reasoning_content"] = thought
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return JSONResponse(_document(model, "chat.completion", [choice], usage=_usage(said)))


async def _chat_stream(model: str, said: str, thought: str, request: dict[str, Any]) -> AsyncIterator[bytes]:
    kind, identity = "chat.completion.chunk", f"chatcmpl-{uuid4().hex}"
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": word} for word in _words(thought)]
    deltas += [{"content": word} for word in _words(said)]
    for delta in deltas:
        choices = [{"index": 0, "delta": delta, "finish_reason": None}]
        yield _event(_document(model, kind, choices, identity=identity))
        await asyncio.sleep(_PAUSE)
    yield _event(_document(model, kind, [{"index": 0, "delta": {}, "finish_reason": "stop"}], identity=identity))
    if (request.get("stream_options") or {}).get("include_usage"):
        yield _event(_document(model, kind, [], identity=identity, usage=_usage(said)))
    yield b"data: [DONE]\n\n"


def completion(model: str, request: dict[str, Any]) -> Response:
    prompt = request.get("prompt")
    if not isinstance(prompt, str):
        raise Refused(400, "prompt: Field required")
    said = f"{prompt} and so on"
    if request.get("stream"):
        return StreamingResponse(_completion_stream(model, said), media_type="text/event-stream")
    choice = {"index": 0, "text": said, "finish_reason": "stop"}
    return JSONResponse(_document(model, "text_completion", [choice], usage=_usage(said)))


async def _completion_stream(model: str, said: str) -> AsyncIterator[bytes]:
    for word in _words(said):
        yield _event(_document(model, "text_completion", [{"index": 0, "text": word, "finish_reason": None}]))
        await asyncio.sleep(_PAUSE)
    yield _event(_document(model, "text_completion", [{"index": 0, "text": "", "finish_reason": "stop"}]))
    yield b"data: [DONE]\n\n"


def transcribe(request: dict[str, Any]) -> Response:
    """An array of segments, as the whisper chute answers."""
    size = len(_base64(request, "audio_b64"))
    words = f"{size} bytes of audio."
    return JSONResponse(
        [{"start": 0.0, "end": 1.5, "text": " I heard"}, {"start": 1.5, "end": 3.0, "text": f" {words}"}]
    )


def read_page(request: dict[str, Any]) -> Response:
    return JSONResponse({"text": f"A page of {len(_base64(request, 'image_b64'))} bytes."})


def embed(model: str, request: dict[str, Any]) -> Response:
    given = request.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        raise Refused(400, "input: Field required")
    rows: list[dict[str, Any]] = []
    for n, text in enumerate(texts):
        vector = _vector(str(text))
        packed = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        shown: Any = packed if request.get("encoding_format") == "base64" else vector
        rows.append({"object": "embedding", "index": n, "embedding": shown})
    count = sum(len(str(text).split()) for text in texts)
    usage = {"prompt_tokens": count, "total_tokens": count}
    return JSONResponse({"object": "list", "data": rows, "model": model, "usage": usage})


def speak(request: dict[str, Any]) -> Response:
    """A quarter of a second of silence as WAV."""
    if not isinstance(request.get("text"), str):
        raise Refused(400, "text: Field required")
    samples = b"\0\0" * 4000
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(samples), b"WAVE", b"fmt ", 16, 1, 1, 16000, 32000, 2,
                       16, b"data", len(samples))  # fmt: skip
    return Response(head + samples, media_type="audio/wav")


def draw(request: dict[str, Any]) -> Response:
    if not isinstance(request.get("prompt"), str):
        raise Refused(400, "prompt: Field required")
    return Response(_PIXEL, media_type="image/png")


def edit(request: dict[str, Any]) -> Response:
    """The first picture as it came: what there is to see is that it arrived."""
    pictures = request.get("image_b64s")
    if not isinstance(request.get("prompt"), str) or not isinstance(pictures, list) or not 1 <= len(pictures) <= 3:
        raise Refused(400, "prompt and image_b64s, of 1 to 3 pictures: Field required")
    first, *_ = [_base64({"image_b64s": one}, "image_b64s") for one in pictures]
    return Response(first, media_type="image/png")


def rank(request: dict[str, Any]) -> Response:
    """Scores by shared words, the best first."""
    query, texts = request.get("query"), request.get("texts") or request.get("documents")
    if not isinstance(query, str) or not isinstance(texts, list):
        raise Refused(400, "query and texts: Field required")
    wanted = set(query.lower().split())
    scores = [len(wanted & set(str(text).lower().split())) / max(1, len(wanted)) for text in texts]
    order = sorted(range(len(texts)), key=lambda n: -scores[n])
    return JSONResponse([{"index": n, "score": scores[n]} for n in order])


BY_KIND: dict[str, Callable[[dict[str, Any]], Response]] = {
    "speech": transcribe,
    "pages": read_page,
    "voice": speak,
    "pictures": draw,
    "edits": edit,
    "ranks": rank,
}


def _base64(request: dict[str, Any], name: str) -> bytes:
    try:
        return base64.b64decode(str(request[name]), validate=True)
    except (KeyError, binascii.Error):
        raise Refused(400, f"{name}: base64 required") from None


def _last_text(messages: list[Any]) -> str:
    content = messages[-1].get("content", "") if isinstance(messages[-1], dict) else ""
    if isinstance(content, list):
        return " ".join(str(part.get("text", f"[{part.get('type')}]")) for part in content if isinstance(part, dict))
    return str(content)


def _vector(text: str) -> list[float]:
    """Words hashed into places and made one long: near texts lie near."""
    values = [0.0] * DIMENSIONS
    for word in re.findall(r"\w+", text.lower()):
        values[zlib.crc32(hashlib.sha256(word.encode()).digest()) % DIMENSIONS] += 1.0
    length = sum(value * value for value in values) ** 0.5 or 1.0
    return [value / length for value in values]


def _words(text: str) -> list[str]:
    return re.findall(r"\S+\s*", text)


def _usage(said: str) -> dict[str, int]:
    count = len(said.split())
    return {"prompt_tokens": 7, "completion_tokens": count, "total_tokens": 7 + count}


def _document(
    model: str, kind: str, choices: list[Any], *, identity: str | None = None, usage: dict[str, int] | None = None
) -> dict[str, Any]:
    document = {"id": identity or f"chatcmpl-{uuid4().hex}", "object": kind, "created": 1_750_000_000, "model": model}
    return {**document, "choices": choices, **({"usage": usage} if usage else {})}


def _event(document: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(document) + b"\n\n"
