"""Turns what a file operation understood into the format the caller asked for."""

from dataclasses import replace

from msgspec import structs

from gateway.errors import UpstreamBadResponse
from gateway.openai_api.audio import AudioOptions, Transcript
from gateway.openai_api.audio_events import transcript_events
from gateway.openai_api.audio_file import audio_duration
from gateway.openai_api.audio_render import render_transcript
from gateway.openai_api.call import Call, Reply, Usage
from gateway.openai_api.ocr import OcrResult
from gateway.openai_api.ocr_render import render_ocr
from gateway.openai_api.ocr_request import OcrRequest
from gateway.openai_api.operations import EDITS, Body
from gateway.routing.tries import Tries
from gateway.routing.types import Route

_JSON = Body.JSON


def render_result(call: Call, route: Route, reply: Reply, tries: Tries) -> Reply:
    """Replies of JSON operations and pictures pass as they came, and so do streams, which are rendered where they are
    made."""
    if call.operation.body is _JSON or call.operation is EDITS or not isinstance(reply.body, bytes):
        return reply
    if isinstance(reply.result, Transcript) and isinstance(call.options, AudioOptions):
        return _transcript(call, route, call.options, reply, reply.result)
    if isinstance(reply.result, OcrResult) and isinstance(call.options, OcrRequest):
        return _ocr(route, call.options, reply, reply.result, tries)
    raise UpstreamBadResponse("The provider's answer was not understood.")


def _transcript(call: Call, route: Route, options: AudioOptions, reply: Reply, transcript: Transcript) -> Reply:
    if transcript.duration is None:
        transcript = replace(transcript, duration=audio_duration(call.files[0].data))
    usage = structs.replace(reply.usage or Usage(), seconds=transcript.duration)
    if call.stream:
        body, media_type = b"".join(transcript_events(transcript)), "text/event-stream"
    else:
        body, media_type = render_transcript(transcript, options.response_format, options.granularities, model=route.id)
    return structs.replace(reply, body=body, media_type=media_type, usage=usage)


def _ocr(route: Route, request: OcrRequest, reply: Reply, result: OcrResult, tries: Tries) -> Reply:
    provider = tries.answered_by.provider_id if tries.answered_by else ""
    numbers = request.pages if len(request.inputs) == 1 else None
    body = render_ocr(result, model=route.id, provider=provider, shape=request.shape, page_numbers=numbers)
    usage = structs.replace(reply.usage or Usage(), pages=len(result.pages))
    return structs.replace(reply, body=body, media_type="application/json", usage=usage)
