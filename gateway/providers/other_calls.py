"""Ranks, pictures and speech: OpenAI's shapes for whoever speaks them, Chutes' own for its chutes. Any dialect."""

import asyncio

from gateway.errors import UpstreamBadResponse
from gateway.openai_api.call import Call, Reply, Usage
from gateway.openai_api.drawing import nth, parse_drawing, picture_in, render_pictures
from gateway.openai_api.json_body import splice_model
from gateway.openai_api.operations import IMAGES, RERANK, SPEECH
from gateway.openai_api.rerank import parse_rerank, render_rerank, texts_body
from gateway.openai_api.speech import speak_body
from gateway.providers.exchange import JSON, MAX_REPLY, Upstream, ask, join_url, kept_headers, media_type, read_json
from gateway.providers.failures import failure_inside
from gateway.providers.transport.base import HttpResponse, Transport
from gateway.providers.usage import usage_in_tail

OTHERS = frozenset({RERANK.name, IMAGES.name, SPEECH.name})
_PARALLEL = 2
"""Pictures of one request that are under way at a time: each takes an instance for seconds."""
_ANY = "*/*"


async def send_other(transport: Transport, upstream: Upstream, call: Call, model: str) -> Reply:
    """In OpenAI's shapes; a ranking as Cohere, Jina and vLLM have it."""
    request = parse_rerank(call.document()) if call.operation is RERANK else None
    body = call.excerpt().restore(splice_model(call.document(), model))
    accept = _ANY if call.operation is SPEECH else JSON
    url = join_url(upstream.base_url, call.operation.path)
    response = await ask(transport, upstream, url, body, accept=accept, deadline=call.deadline, trace=call.trace)
    if call.operation is SPEECH:
        return await _sound(response, upstream)
    headers, answer = kept_headers(response, upstream), await read_json(response)
    if request is not None:
        return Reply(200, JSON, render_rerank(answer, request, model), headers, usage_in_tail(answer))
    if b'"data"' not in answer:
        raise failure_inside(answer, upstream.secrets)
    return Reply(200, JSON, answer, headers, usage_in_tail(answer) or Usage())


async def send_own(transport: Transport, upstream: Upstream, call: Call, root: str, model: str) -> Reply:
    """In the shapes of Chutes' own templates: `/rerank`, `/generate`, `/speak` below `root`."""
    if call.operation is RERANK:
        return await _rank(transport, upstream, call, root, model)
    if call.operation is IMAGES:
        return await _draw(transport, upstream, call, root)
    url, body = f"{root}/speak", speak_body(call.document())
    response = await ask(transport, upstream, url, body, accept=_ANY, deadline=call.deadline, trace=call.trace)
    return await _sound(response, upstream)


async def _rank(transport: Transport, upstream: Upstream, call: Call, root: str, model: str) -> Reply:
    request = parse_rerank(call.document())
    body = texts_body(request)
    response = await ask(transport, upstream, f"{root}/rerank", body, deadline=call.deadline, trace=call.trace)
    headers = kept_headers(response, upstream)
    return Reply(200, JSON, render_rerank(await read_json(response), request, model), headers, Usage())


async def _draw(transport: Transport, upstream: Upstream, call: Call, root: str) -> Reply:
    """A chute draws one picture a call. The first failure ends the others."""
    request = parse_drawing(call.document())
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
    return Reply(200, JSON, render_pictures(pictures, as_url=request.as_url), headers, Usage())


async def _sound(response: HttpResponse, upstream: Upstream) -> Reply:
    kind, headers = media_type(response), kept_headers(response, upstream)
    body = await response.read(MAX_REPLY)
    if "json" in kind:
        raise failure_inside(body, upstream.secrets)
    if not body or kind.startswith("text/html"):
        raise UpstreamBadResponse(f"The provider answered with {kind or 'nothing'} instead of sound.")
    return Reply(200, kind or "application/octet-stream", body, headers, Usage())
