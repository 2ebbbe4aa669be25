"""Pictures edited: as OpenAI's form, as its JSON, or one by one by a chute's `/generate`. Called by the adapters."""

from collections.abc import Iterator

import orjson
from pybase64 import b64encode_as_string

from gateway.errors import UnsupportedOperation
from gateway.openai_api.call import Call, Reply, Upload, Usage
from gateway.openai_api.drawing import DrawingRequest, drawing_of
from gateway.openai_api.editing import IMAGE, EditRequest, edit_body, form_fields, json_fields
from gateway.providers.chutes_pictures import UNTOLD, Pictures
from gateway.providers.exchange import JSON, Upstream, ask, join_url, kept_headers, read_json
from gateway.providers.multipart import encode_multipart
from gateway.providers.other_calls import check_pictures, draw
from gateway.providers.transport.base import Transport
from gateway.providers.usage import usage_in_tail


async def send_edit(transport: Transport, upstream: Upstream, call: Call, model: str) -> Reply:
    """In OpenAI's multipart form."""
    fields = [("model", model), *form_fields(_request(call).fields)]
    body, content_type = encode_multipart(fields, _named(call))
    return await _sent(transport, upstream, call, body, content_type)


async def send_edit_json(transport: Transport, upstream: Upstream, call: Call, model: str) -> Reply:
    """The same in JSON, for a chute, to which no form can be sent."""
    request = _request(call)
    body = orjson.dumps(edit_body(model, request.names, call.files, request.fields))
    return await _sent(transport, upstream, call, body, JSON)


async def send_own_edit(
    transport: Transport, upstream: Upstream, call: Call, root: str, model: str, pictures: Pictures | None
) -> Reply:
    """In the shape of Chutes' own chutes that edit: `/generate` below `root` with pictures as base64. Raises
    UnsupportedOperation for what the chute does not take."""
    pictures = pictures or UNTOLD
    _check_taken(call, model, pictures)
    drawing = drawing_of(json_fields(_request(call).fields))
    encoded = [b64encode_as_string(file.data) for file in call.files]
    fields = {**drawing.fields, **pictures.fields(encoded)}
    return await draw(transport, upstream, call, root, DrawingRequest(fields, drawing.n, drawing.as_url))


async def _sent(transport: Transport, upstream: Upstream, call: Call, body: bytes, content_type: str) -> Reply:
    url = join_url(upstream.base_url, call.operation.path)
    response = await ask(
        transport, upstream, url, body, content_type=content_type, deadline=call.deadline, trace=call.trace
    )
    headers, answer = kept_headers(response, upstream), await read_json(response)
    check_pictures(answer, upstream)
    return Reply(200, JSON, answer, headers, usage_in_tail(answer) or Usage())


def _request(call: Call) -> EditRequest:
    assert isinstance(call.options, EditRequest)
    return call.options


def _named(call: Call) -> Iterator[tuple[str, Upload]]:
    """Several images are a list, as OpenAI's clients send them."""
    names = _request(call).names
    several = names.count(IMAGE) > 1
    for name, file in zip(names, call.files, strict=True):
        yield f"{IMAGE}[]" if several and name == IMAGE else name, file


def _check_taken(call: Call, model: str, pictures: Pictures) -> None:
    names = _request(call).names
    for name in names:
        if name != IMAGE:
            raise UnsupportedOperation(f"The chute of '{model}' takes no '{name}'.", param=name)
    if not pictures.most:
        raise UnsupportedOperation(f"The chute of '{model}' takes no images: it only draws.", param=IMAGE)
    if len(names) > pictures.most:
        what = "one image" if pictures.most == 1 else f"{pictures.most} images"
        raise UnsupportedOperation(f"The chute of '{model}' takes at most {what}.", param=IMAGE)
