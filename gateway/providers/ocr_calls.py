"""OCR page by page: through a chat model that sees, or through an endpoint that takes images as base64."""

import asyncio
from collections.abc import Awaitable, Callable

from pybase64 import b64encode_as_string

from gateway.errors import UpstreamBadResponse
from gateway.openai_api.call import Call, Reply, Upload, Usage
from gateway.openai_api.ocr import OcrResult, Page
from gateway.openai_api.ocr_parse import parse_ocr
from gateway.openai_api.ocr_vision import parse_vision_reply, vision_prompt_body
from gateway.openai_api.operations import CHAT
from gateway.providers.exchange import JSON, Upstream, ask, join_url, kept_headers, media_type, read_json
from gateway.providers.failures import failure_instead
from gateway.providers.transport.base import Transport
from gateway.providers.whole import check_reply

PARALLEL = 4
"""Pages of one document that are under way at the same time."""

_Answer = tuple[OcrResult, Usage | None, dict[str, str]]


async def send_vision(transport: Transport, upstream: Upstream, call: Call, model: str) -> Reply:
    """Each page as an image in a chat request that asks for its text."""

    async def page(image: Upload) -> _Answer:
        response = await ask(
            transport,
            upstream,
            join_url(upstream.base_url, CHAT.path),
            vision_prompt_body(model, [image]),
            deadline=call.deadline,
            trace=call.trace,
        )
        body = await read_json(response)
        usage = check_reply(CHAT, body, upstream.secrets)
        return parse_vision_reply(body), usage, kept_headers(response, upstream)

    return await each_page(call, page)


async def send_images(
    transport: Transport, upstream: Upstream, call: Call, url: str, make: Callable[[str], bytes]
) -> Reply:
    """Each page in a body that `make` builds from its base64 text."""

    async def page(image: Upload) -> _Answer:
        body = make(b64encode_as_string(image.data))
        response = await ask(transport, upstream, url, body, deadline=call.deadline, trace=call.trace)
        answer = await read_json(response)
        try:
            result = parse_ocr(answer, media_type(response))
        except UpstreamBadResponse as error:
            raise failure_instead(answer, error, upstream.secrets) from None
        return result, None, kept_headers(response, upstream)

    return await each_page(call, page)


async def each_page(call: Call, page: Callable[[Upload], Awaitable[_Answer]]) -> Reply:
    """The pages in order; the first failure stops the others and is raised as it is."""
    gate = asyncio.Semaphore(PARALLEL)

    async def one(image: Upload) -> _Answer:
        async with gate:
            return await page(image)

    tasks = [asyncio.ensure_future(one(image)) for image in call.files]
    try:
        answers = await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    pages: list[Page] = [page for result, _, _ in answers for page in result.pages]
    usage = Usage(
        input_tokens=_sum([used.input_tokens for _, used, _ in answers if used]),
        output_tokens=_sum([used.output_tokens for _, used, _ in answers if used]),
        pages=len(call.files),
        requests=len(call.files),
    )
    return Reply(200, JSON, b"", answers[-1][2] if answers else {}, usage, OcrResult(tuple(pages)))


def _sum(figures: list[int | None]) -> int | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known else None
