"""What the fake upstream says when it behaves: the OpenAI API, and Chutes' own endpoints."""

import asyncio
import base64
import hashlib
import json
import re
import struct
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs

from tests.fakes import hearing
from tests.fakes.http_server import Exchange, Received
from tests.fakes.media import drawing, sound

if TYPE_CHECKING:
    from tests.fakes.upstream import Upstream

SEGMENTS = [
    {"start": 0.0, "end": 1.2, "text": " Hello there."},
    {"start": 1.2, "end": 2.5, "text": " How are you?"},
]
SPOKEN = "Hello there. How are you?"
PAGE_TEXT = "A page of text."


def model_of(request: Received) -> str:
    """The asked model, from a JSON body or a form."""
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/"):
        return form_fields(request).get("model", "")
    try:
        document = json.loads(request.body or b"{}")
    except ValueError:
        return ""
    return str(document.get("model", "")) if isinstance(document, dict) else ""


def form_fields(request: Received) -> dict[str, str]:
    """The fields of a multipart body that are no files; several of one name are joined by commas."""
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    fields: dict[str, str] = {}
    for part in request.body.split(b"--" + boundary)[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = re.search(rb'; name="([^"]*)"', head)
        if name and b"filename=" not in head:
            key, text = name[1].decode(), value[:-2].decode()
            fields[key] = f"{fields[key]},{text}" if key in fields else text
    return fields


def form_file(request: Received) -> bytes:
    """The file of a multipart body."""
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    for part in request.body.split(b"\r\n--" + boundary):
        head, _, value = part.partition(b"\r\n\r\n")
        if b"filename=" in head:
            return value
    return b""


class Sent(NamedTuple):
    """A file of a multipart body, with the field that it came in."""

    field: str
    filename: str
    media_type: str
    data: bytes


def form_files(request: Received) -> list[Sent]:
    """All files of a multipart body."""
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    found = []
    for part in (b"\r\n" + request.body).split(b"\r\n--" + boundary):
        head, _, data = part.partition(b"\r\n\r\n")
        named = re.search(r'; name="([^"]*)"; filename="([^"]*)"', head.decode())
        if named:
            kind = re.search(r"content-type: (\S+)", head.decode(), re.IGNORECASE)
            found.append(Sent(named[1], named[2], kind[1] if kind else "", data))
    return found


def words(upstream: "Upstream") -> list[str]:
    if upstream.tokens is not None:
        return [f"tok{n} " for n in range(upstream.tokens)]
    return re.findall(r"\S+\s*", upstream.text)


def usage(said: list[str]) -> dict[str, Any]:
    return {
        "prompt_tokens": 7,
        "completion_tokens": len(said),
        "total_tokens": 7 + len(said),
        "prompt_tokens_details": {"cached_tokens": 3},
    }


def chunk(model: str, kind: str, choices: list[dict[str, Any]], **more: Any) -> bytes:
    document = {"id": "chatcmpl-1", "object": kind, "created": 1700000000, "model": model, "choices": choices, **more}
    return b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"


def stream_events(upstream: "Upstream", request: Received) -> Iterator[bytes]:
    """All events of a good stream, `[DONE]` last."""
    document, chat = request.json, request.path.endswith("/chat/completions")
    model, kind = document["model"], "chat.completion.chunk" if chat else "text_completion"
    said = words(upstream)
    for index in range(document.get("n") or 1):
        if chat:
            yield chunk(model, kind, [{"index": index, "delta": {"role": "assistant"}, "finish_reason": None}])
        for word in said:
            piece = {"delta": {"content": word}} if chat else {"text": word}
            yield chunk(model, kind, [{"index": index, **piece, "finish_reason": None}])
        last: dict[str, Any] = {"delta": {}} if chat else {"text": ""}
        yield chunk(model, kind, [{"index": index, **last, "finish_reason": "stop"}])
    if (document.get("stream_options") or {}).get("include_usage"):
        yield chunk(model, kind, [], usage=usage(said))
    yield b"data: [DONE]\n\n"


async def text_answer(upstream: "Upstream", exchange: Exchange) -> None:
    document = exchange.request.json
    if document.get("stream"):
        await send_stream(upstream, exchange, stream_events(upstream, exchange.request))
    else:
        exchange.send_json(200, whole(upstream, exchange.request))


def whole(upstream: "Upstream", request: Received) -> dict[str, Any]:
    document, chat, said = request.json, request.path.endswith("/chat/completions"), words(upstream)
    text = "".join(said)
    choice: dict[str, Any] = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion" if chat else "text_completion",
        "created": 1700000000,
        "model": document["model"],
        "choices": [{"index": n, **choice, "finish_reason": "stop"} for n in range(document.get("n") or 1)],
        "usage": usage(said),
    }


async def send_stream(upstream: "Upstream", exchange: Exchange, events: Iterator[bytes], pause: float = 0.0) -> None:
    with upstream.streaming():
        exchange.begin()
        for event in events:
            exchange.chunk(event)
            await asyncio.sleep(pause)
            await exchange.drained()
        exchange.end()


async def embeddings(upstream: "Upstream", exchange: Exchange) -> None:
    document = exchange.request.json
    given = document["input"]
    inputs = [given] if isinstance(given, str) or (given and isinstance(given[0], int)) else given
    data = []
    for index, text in enumerate(inputs):
        vector = [byte / 256 for byte in hashlib.sha256(json.dumps(text).encode()).digest()[:8]]
        packed = base64.b64encode(struct.pack("<8f", *vector)).decode()
        shown = packed if document.get("encoding_format") == "base64" else vector
        data.append({"object": "embedding", "index": index, "embedding": shown})
    tokens = {"prompt_tokens": 2 * len(inputs), "total_tokens": 2 * len(inputs)}
    exchange.send_json(200, {"object": "list", "data": data, "model": document["model"], "usage": tokens})


async def speech(upstream: "Upstream", exchange: Exchange) -> None:
    await upstream.opened(exchange)
    form = form_fields(exchange.request)
    if upstream.hears:
        heard = hearing.listen(form_file(exchange.request))
        exchange.send_json(200, transcript(heard, form.get("response_format", "")))
        return
    if form.get("response_format") == "verbose_json":
        document = {"task": "transcribe", "language": "english", "duration": 2.5, "text": SPOKEN}
        exchange.send_json(200, {**document, "segments": [{"id": n, **s} for n, s in enumerate(SEGMENTS)]})
    else:
        exchange.send_json(200, {"text": SPOKEN})


def transcript(heard: list[hearing.Heard], response_format: str) -> dict[str, Any]:
    """A segment for each four words."""
    document: dict[str, Any] = {"text": " ".join(word for word, _, _ in heard)}
    if response_format == "verbose_json":
        lines = [heard[at : at + 4] for at in range(0, len(heard), 4)]
        document["segments"] = [
            {"id": n, "start": s[0].start, "end": s[-1].end, "text": " ".join(w.word for w in s), "seek": 0}
            for n, s in enumerate(lines)
        ]
        document |= {"language": "english", "duration": heard[-1].end if heard else 0.0}
        document["words"] = [one._asdict() for one in heard]
    return document


async def chute_speech(upstream: "Upstream", exchange: Exchange) -> None:
    if upstream.hears:
        heard = hearing.listen(base64.b64decode(exchange.request.json["audio_b64"]))
        exchange.send_json(200, [{"start": w.start, "end": w.end, "text": w.word} for w in heard])
        return
    shapes: dict[str, object] = {
        "array": SEGMENTS,
        "string": SPOKEN,
        "text": {"text": SPOKEN},
        "transcription": {"transcription": SPOKEN},
    }
    exchange.send_json(200, shapes[upstream.whisper_shape], x_chutes_invocationid="inv-1", x_chutes_quota_used="5")


async def chute_pages(upstream: "Upstream", exchange: Exchange) -> None:
    exchange.send_json(200, {"text": PAGE_TEXT})


async def engine_pages(upstream: "Upstream", exchange: Exchange) -> None:
    line = {"text": PAGE_TEXT, "score": 0.98, "box": [[1, 1], [90, 1], [90, 20], [1, 20]]}
    page = {"text": PAGE_TEXT, "width": 100, "height": 50, "lines": [line]}
    exchange.send_json(200, {"model": "ocr", "pages": [page for _ in exchange.request.json["images"]]})


async def voice(upstream: "Upstream", exchange: Exchange) -> None:
    """A second for every twenty letters, always as WAV."""
    exchange.send(200, sound(len(exchange.request.json["input"]) / 20), "audio/wav")


async def pictures(upstream: "Upstream", exchange: Exchange) -> None:
    document = exchange.request.json
    width, _, height = document.get("size", "320x240").partition("x")
    if document.get("response_format") == "url":
        data = [{"url": f"https://pictures.invalid/{n}.png"} for n in range(document.get("n", 1))]
    else:
        drawn = [drawing((int(width), int(height)), n) for n in range(document.get("n", 1))]
        data = [{"b64_json": base64.b64encode(one).decode()} for one in drawn]
    exchange.send_json(200, {"created": 1700000000, "data": data})


async def edits(upstream: "Upstream", exchange: Exchange) -> None:
    """As OpenAI's newer models do it: by the form alone, and with tokens."""
    form = form_fields(exchange.request)
    files = [sent.field for sent in form_files(exchange.request)]
    assert form["prompt"] and {"image", "image[]"} & set(files)
    drawn = [drawing((32, 32), n) for n in range(int(form.get("n", "1")))]
    tokens = {"input_tokens": 100 * len(files), "output_tokens": 50 * len(drawn), "total_tokens": 0}
    data = [{"b64_json": base64.b64encode(one).decode()} for one in drawn]
    exchange.send_json(200, {"created": 1700000000, "data": data, "usage": tokens})


async def ranks(upstream: "Upstream", exchange: Exchange) -> None:
    """By the share of the question's words that a document has."""
    asked = set(re.findall(r"\w+", exchange.request.json["query"].lower()))
    found = [set(re.findall(r"\w+", text.lower())) for text in exchange.request.json["documents"]]
    results = [{"index": n, "relevance_score": len(asked & words) / len(asked)} for n, words in enumerate(found)]
    exchange.send_json(200, {"results": results, "usage": {"prompt_tokens": 9, "total_tokens": 9}})


async def verdicts(upstream: "Upstream", exchange: Exchange) -> None:
    """What speaks of hurting is violence."""
    asked = exchange.request.json["input"]
    texts = asked if isinstance(asked, list) and isinstance(asked[0], str) else [str(asked)]
    found = ["hurt" in text for text in texts]
    results = [
        {"flagged": bad, "categories": {"violence": bad}, "category_scores": {"violence": 0.9 if bad else 0.01}}
        for bad in found
    ]
    exchange.send_json(200, {"id": "modr-1", "model": exchange.request.json["model"], "results": results})


async def model_list(upstream: "Upstream", exchange: Exchange) -> None:
    entries = [{"id": name, "object": "model", "created": 1700000000, "owned_by": "fake"} for name in upstream.models]
    document: dict[str, Any] = {"object": "list", "data": entries}
    if upstream.page_size:
        after = parse_qs(exchange.request.query).get("after", [""])[0]
        start = upstream.models.index(after) + 1 if after else 0
        shown = entries[start : start + upstream.page_size]
        document = {"object": "list", "data": shown, "has_more": start + upstream.page_size < len(entries)}
    exchange.send_json(200, document)


async def account(upstream: "Upstream", exchange: Exchange) -> None:
    exchange.send_json(200, {"username": "fake", "balance": 1.0})


Answer = Callable[["Upstream", Exchange], Awaitable[None]]

BY_PATH: dict[str, Answer] = {
    "/v1/chat/completions": text_answer,
    "/v1/completions": text_answer,
    "/v1/embeddings": embeddings,
    "/v1/audio/transcriptions": speech,
    "/v1/audio/translations": speech,
    "/v1/audio/speech": voice,
    "/v1/images/generations": pictures,
    "/v1/images/edits": edits,
    "/v1/rerank": ranks,
    "/v1/moderations": verdicts,
    "/v1/models": model_list,
    "/v1/ocr": engine_pages,
    "/transcribe": chute_speech,
    "/ocr": chute_pages,
    "/users/me": account,
}
