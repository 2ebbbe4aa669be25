"""Ranks, pictures, speech, moderation: OpenAI's shapes for whoever speaks them, Chutes' own for its chutes."""

import asyncio
import time

import msgspec
from msgspec import structs

from gateway.errors import UpstreamBadResponse
from gateway.media.voice import NotConverted, Voices
from gateway.openai_api.audio_file import media_type_of
from gateway.openai_api.call import Call, Reply, Usage
from gateway.openai_api.drawing import DrawingRequest, nth, parse_drawing, picture_in, render_pictures
from gateway.openai_api.json_body import splice_model
from gateway.openai_api.moderation import check_verdicts, count_judged
from gateway.openai_api.operations import IMAGES, MODERATIONS, RERANK, SPEECH
from gateway.openai_api.rerank import RerankRequest, parse_rerank, render_rerank, texts_body
from gateway.openai_api.speech import FORMATS, asked_format, speak_body
from gateway.providers.exchange import JSON, MAX_REPLY, Upstream, ask, join_url, kept_headers, media_type, read_json
from gateway.providers.failures import failure_inside, failure_instead
from gateway.providers.transport.base import HttpResponse, Transport
from gateway.providers.usage import usage_in_tail

OTHERS = frozenset({RERANK.name, IMAGES.name, SPEECH.name, MODERATIONS.name})
_PARALLEL = 2
"""Pictures of one request that are under way at a time: each takes an instance for seconds."""
_PATIENCE = 60.0
"""Seconds for bringing a sound to another format."""
_SHORT = 64 * 1024
_ANY = "*/*"


class _Picture(msgspec.Struct):
    url: str | None = None
    b64_json: str | None = None


class _Pictures(msgspec.Struct):
    data: list[_Picture | None] | None = None


_decode_pictures = msgspec.json.Decoder(_Pictures).decode


async def send_other(transport: Transport, upstream: Upstream, call: Call, model: str, voices: Voices) -> Reply:
    """In OpenAI's shapes; a ranking as Cohere, Jina and vLLM have it."""
    request = parse_rerank(call.document()) if call.operation is RERANK else None
    form = asked_format(call.document()) if call.operation is SPEECH else None
    judged = count_judged(call.document()) if call.operation is MODERATIONS else 0
    body = call.excerpt().restore(splice_model(call.document(), model))
    accept = _ANY if call.operation is SPEECH else JSON
    url = join_url(upstream.base_url, call.operation.path)
    response = await ask(transport, upstream, url, body, accept=accept, deadline=call.deadline, trace=call.trace)
    if call.operation is SPEECH:
        return await _shaped(await _sound(response, upstream), form, call, voices)
    headers, answer = kept_headers(response, upstream), await read_json(response)
    if request is not None:
        ranking = _ranked(answer, request, model, upstream)
        return Reply(200, JSON, ranking, headers, usage_in_tail(ranking))
    if call.operation is MODERATIONS:
        _check_verdicts(answer, judged, upstream)
    else:
        check_pictures(answer, upstream)
    return Reply(200, JSON, answer, headers, usage_in_tail(answer) or Usage())


async def send_own(
    transport: Transport, upstream: Upstream, call: Call, root: str, model: str, voices: Voices
) -> Reply:
    """In the shapes of Chutes' own templates: `/rerank`, `/generate`, `/speak` below `root`."""
    if call.operation is RERANK:
        return await _rank(transport, upstream, call, root, model)
    if call.operation is IMAGES:
        return await draw(transport, upstream, call, root, parse_drawing(call.document()))
    url, body = f"{root}/speak", speak_body(call.document())
    response = await ask(transport, upstream, url, body, accept=_ANY, deadline=call.deadline, trace=call.trace)
    return await _shaped(await _sound(response, upstream), asked_format(call.document()), call, voices)


async def _rank(transport: Transport, upstream: Upstream, call: Call, root: str, model: str) -> Reply:
    request = parse_rerank(call.document())
    body = texts_body(request)
    response = await ask(transport, upstream, f"{root}/rerank", body, deadline=call.deadline, trace=call.trace)
    headers = kept_headers(response, upstream)
    return Reply(200, JSON, _ranked(await read_json(response), request, model, upstream), headers, Usage())


def _ranked(answer: bytes, request: RerankRequest, model: str, upstream: Upstream) -> bytes:
    try:
        return render_rerank(answer, request, model)
    except UpstreamBadResponse as error:
        raise failure_instead(answer, error, upstream.secrets) from None


def check_pictures(answer: bytes, upstream: Upstream) -> None:
    """Raises what an answer without pictures means. A long answer holds pictures; of a short one, with addresses or
    none, every row is there to be seen. Fewer than were asked for are an answer: filters keep some back."""
    if len(answer) > _SHORT and b'"data"' in answer:
        return
    try:
        found = _decode_pictures(answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise failure_instead(
            answer, UpstreamBadResponse(f"The provider's answer is no picture: {error}."), upstream.secrets
        ) from None
    if not any(one is not None and (one.url or one.b64_json) for one in found.data or ()):
        raise failure_instead(answer, UpstreamBadResponse("The provider's answer has no pictures."), upstream.secrets)


def _check_verdicts(answer: bytes, judged: int, upstream: Upstream) -> None:
    try:
        check_verdicts(answer, judged)
    except UpstreamBadResponse as error:
        raise failure_instead(answer, error, upstream.secrets) from None


async def draw(transport: Transport, upstream: Upstream, call: Call, root: str, request: DrawingRequest) -> Reply:
    """A chute draws one picture a call. The first failure ends the others."""
    gate = asyncio.Semaphore(_PARALLEL)
    headers: dict[str, str] = {}

    async def one(number: int) -> bytes:
        async with gate:
            url, body = f"{root}/generate", nth(request, number)
            response = await ask(transport, upstream, url, body, accept=_ANY, deadline=call.deadline, trace=call.trace)
            headers.update(kept_headers(response, upstream))
            return picture_in(await response.read(MAX_REPLY), media_type(response))

    tasks = [asyncio.ensure_future(one(number)) for number in range(request.n)]
    try:
        pictures = await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    return Reply(200, JSON, render_pictures(pictures, as_url=request.as_url), headers, Usage(requests=request.n))


async def _sound(response: HttpResponse, upstream: Upstream) -> Reply:
    kind, headers = media_type(response), kept_headers(response, upstream)
    body = await response.read(MAX_REPLY)
    if "json" in kind:
        raise failure_inside(body, upstream.secrets)
    if not body or kind.startswith("text/html"):
        raise UpstreamBadResponse(f"The provider answered with {kind or 'nothing'} instead of sound.")
    return Reply(200, kind or "application/octet-stream", body, headers, Usage())


async def _shaped(reply: Reply, form: str | None, call: Call, voices: Voices) -> Reply:
    """In the format that the caller asked for. What the bytes are counts, whatever the provider calls them; what they
    do not tell, as samples without a header, passes as it came."""
    assert isinstance(reply.body, bytes)
    wanted, came = FORMATS.get(form or ""), media_type_of(reply.body)
    if form is None or wanted is None or came is None or came == wanted:
        return reply
    left = _PATIENCE if call.deadline is None else call.deadline - time.monotonic()
    try:
        body = await voices.convert(reply.body, came, form, min(_PATIENCE, left))
    except NotConverted as error:
        raise UpstreamBadResponse(f"The provider's {came} cannot be brought to {form}: {error}.") from None
    return structs.replace(reply, body=body, media_type=wanted)
