"""`/v1/audio/transcriptions` and `/v1/audio/translations` over a `WhisperModel`."""

import asyncio
from collections.abc import Iterator
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chute_models.engines.errors import Refusal
from chute_models.engines.exchange import unless_gone
from chute_models.engines.fields import number
from chute_models.engines.server import Served, check_model
from chute_models.engines.transformers.audio import RATE, decode
from chute_models.engines.transformers.whisper import Segment, Task, Transcript, WhisperModel

MAX_FILE = 100 * 1024 * 1024
_FORMATS = ("json", "verbose_json")


class AudioApi:
    """Handlers of one model; `load` is run on the compute thread before any of them is reached."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._model: WhisperModel

    def routes(self) -> list[Route]:
        return [
            Route("/v1/audio/transcriptions", self._transcribe, methods=["POST"]),
            Route("/v1/audio/translations", self._translate, methods=["POST"]),
        ]

    def load(self) -> Iterator[str]:
        import numpy

        yield "loading"
        self._model = WhisperModel(self._served.arguments)
        yield "warming"
        noise = numpy.random.default_rng(0).integers(-3000, 3000, RATE // 2).astype("int16")
        for at, _ in enumerate(self._model.steps(Task(noise, language="en"))):
            if at == 2:
                break

    async def _transcribe(self, request: Request) -> Response:
        return await self._answer(request, translate=False)

    async def _translate(self, request: Request) -> Response:
        return await self._answer(request, translate=True)

    async def _answer(self, request: Request, *, translate: bool) -> Response:
        try:
            form = await request.form(max_files=1, max_fields=50)
        except (ValueError, KeyError):
            raise Refusal("The body is not a valid multipart form.", param="file") from None
        try:
            check_model(form.get("model"), self._served.arguments.name)
            shape = str(form.get("response_format") or "json")
            if shape not in _FORMATS:
                raise Refusal(f"response_format must be one of {', '.join(_FORMATS)}", param="response_format")
            task = await self._task(form, translate, shape == "verbose_json")
        finally:
            await form.close()
        transcript = await unless_gone(request, self._served.worker.result(self._model.steps(task)))
        self._served.metrics.add("audio_seconds", transcript.duration)
        self._served.metrics.add("generation_tokens", transcript.tokens)
        return JSONResponse(verbose(transcript, task) if shape == "verbose_json" else brief(transcript))

    async def _task(self, form: FormData, translate: bool, timestamps: bool) -> Task:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Refusal("file is missing", param="file")
        data = await file.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise Refusal("The audio file is too large.", param="file", code="request_too_large", status=413)
        language = str(form.get("language") or "") or None
        self._model.check_language(language)
        return Task(
            samples=await asyncio.to_thread(decode, data, self._served.arguments.max_audio_seconds),
            translate=translate,
            language=language,
            prompt=str(form.get("prompt") or ""),
            temperature=_temperature(form),
            timestamps=timestamps,
        )


def brief(transcript: Transcript) -> dict[str, Any]:
    seconds = {"type": "duration", "seconds": max(1, round(transcript.duration))}
    return {"text": transcript.text, "usage": seconds}


def verbose(transcript: Transcript, task: Task) -> dict[str, Any]:
    """OpenAI's `verbose_json`; times in seconds."""
    return {
        "task": "translate" if task.translate else "transcribe",
        "language": transcript.language,
        "duration": round(transcript.duration, 3),
        "text": transcript.text,
        "segments": [_segment(index, segment, task) for index, segment in enumerate(transcript.segments)],
        "usage": {"type": "duration", "seconds": max(1, round(transcript.duration))},
    }


def _segment(index: int, segment: Segment, task: Task) -> dict[str, Any]:
    return {
        "id": index,
        "seek": round(segment.start * 100),
        "start": round(segment.start, 2),
        "end": round(segment.end, 2),
        "text": segment.text,
        "tokens": list(segment.tokens),
        "temperature": task.temperature,
        "avg_logprob": round(segment.avg_logprob, 4),
        "compression_ratio": round(segment.compression_ratio, 3),
        "no_speech_prob": round(segment.no_speech_prob, 4),
    }


def _temperature(form: FormData) -> float:
    value = form.get("temperature")
    try:
        return number({"temperature": float(str(value))} if value else {}, "temperature", 0.0, 0, 2)
    except ValueError:
        raise Refusal("temperature must be a number", param="temperature") from None
