"""From HTTP to `Call`: one reader for each kind of body. Raises InvalidRequest naming the field."""

from codecs import BOM_UTF8
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from gateway.api.exchange import Exchange
from gateway.errors import InvalidRequest, TooLarge, UnsupportedMedia
from gateway.openai_api.audio import validate_audio_fields
from gateway.openai_api.audio_file import sniff_audio
from gateway.openai_api.call import Call, Field, Upload
from gateway.openai_api.editing import edit_of_document, edit_of_form
from gateway.openai_api.embeddings import refuse_empty_input
from gateway.openai_api.forms import Form, parse_file_json, parse_multipart
from gateway.openai_api.json_body import is_given, split_object, split_text, value_of
from gateway.openai_api.ocr import OcrShape
from gateway.openai_api.ocr_request import OcrRequest, parse_ocr_request, parse_page_selection
from gateway.openai_api.operations import CHAT, EDITS, EMBEDDINGS, OCR, Body, Operation
from gateway.openai_api.payloads import excerpt
from gateway.state import MediaLimits

_JSON = Body.JSON
_LIST = ord("[")
_NO_MESSAGES = '\'messages\' must be a list such as [{"role": "user", "content": "..."}].'
MISSING = {name: f"missing_{name}" for name in ("input", "query", "documents", "prompt")}
"""Codes for fields that are left out, where they have one of their own. Source: acceptance row A002-19."""
_MULTIPART_OVERHEAD = 2**20
"""Bytes allowed beside the file itself: other fields, boundaries, headers."""

DefaultModel = Callable[[], str] | None


def body_limit(operation: Operation, exchange: Exchange, limits: MediaLimits, max_body: int) -> int:
    """The most bytes this request may have. Base64 makes four bytes of three."""
    if operation.body is _JSON or operation is OCR or operation is EDITS:
        return max_body
    whole = limits.max_audio_bytes
    return (whole if exchange.media_type == "multipart/form-data" else whole * 4 // 3 + 4) + _MULTIPART_OVERHEAD


def read_call(
    operation: Operation, exchange: Exchange, body: bytes, limits: MediaLimits, default_model: DefaultModel = None
) -> Call:
    """`default_model` tells which one is meant where a JSON body names none; None: it must."""
    if operation.body is _JSON:
        return _json_call(operation, exchange, body, default_model)
    if operation is OCR:
        return _ocr_call(exchange, body, limits)
    if operation is EDITS:
        return _edit_call(exchange, body, limits)
    return _audio_call(operation, exchange, body, limits)


def _json_call(operation: Operation, exchange: Exchange, body: bytes, default_model: DefaultModel = None) -> Call:
    body = body.removeprefix(BOM_UTF8)
    part = excerpt(body)
    document = split_text(part.text)
    model = _model(value_of(document, "model") if default_model is None or "model" in document else default_model())
    for name in operation.required:
        if not is_given(document, name):
            raise InvalidRequest(
                f"Missing required parameter: '{name}'.",
                param=name,
                code=MISSING.get(name, "missing_required_parameter"),
            )
    if operation is EMBEDDINGS:
        refuse_empty_input(document["input"])
    elif operation is CHAT and memoryview(document["messages"])[0] != _LIST:
        raise InvalidRequest(_NO_MESSAGES, param="messages", code="invalid_type")
    stream = "stream" in document and _flag("stream", value_of(document, "stream"))
    if stream and not operation.streamable:
        raise _no_stream(operation)
    call = Call(
        operation,
        model,
        exchange.request_id,
        exchange.received,
        body=body,
        stream=stream,
        session=_session(exchange, document),
    )
    call.keep(part, document)
    return call


def _session(exchange: Exchange, document: Mapping[str, msgspec.Raw]) -> str:
    """The header `x-session-id` or Claude Code's own, else OpenAI's field for calls that share a prompt cache."""
    headers = exchange.headers
    if named := headers.get("x-session-id") or headers.get("x-claude-code-session-id"):
        return named
    key = value_of(document, "prompt_cache_key")
    return key if isinstance(key, str) else ""


def _audio_call(operation: Operation, exchange: Exchange, body: bytes, limits: MediaLimits) -> Call:
    form = read_form(exchange, body, ("file_b64", "audio_b64", "file"), limits.max_audio_bytes)
    return audio_call(operation, exchange, form, _model(form.fields.get("model")), limits)


def audio_call(operation: Operation, exchange: Exchange, form: Form, model: str, limits: MediaLimits) -> Call:
    """The call for one audio file. Raises TooLarge with the size, and InvalidRequest for what is not audio."""
    upload = _only_file(form)
    if len(upload.data) > limits.max_audio_bytes:
        size, most = len(upload.data) / 2**20, limits.max_audio_bytes / 2**20
        message = f"Audio size ({size:.1f}MB) exceeds maximum allowed size ({most:g}MB)"
        raise TooLarge(message, param="file")
    checked = Upload(upload.filename, sniff_audio(upload.data, upload.filename), upload.data)
    options = validate_audio_fields(form.fields)
    return Call(
        operation,
        model,
        exchange.request_id,
        exchange.received,
        fields=form.fields,
        files=(checked,),
        options=options,
        stream=operation.streamable and _flag("stream", form.fields.get("stream")),
    )


def _ocr_call(exchange: Exchange, body: bytes, limits: MediaLimits) -> Call:
    fields: Mapping[str, Any]
    if exchange.media_type == "multipart/form-data":
        form = parse_multipart(exchange.headers["content-type"], body, max_file_bytes=limits.max_image_bytes)
        fields = form.fields
        if not form.files:
            raise _missing_file(form)
        request = OcrRequest(tuple(form.files), OcrShape.SIMPLE, parse_page_selection(fields.get("pages")))
    else:
        fields = json_object(exchange, body)
        request = parse_ocr_request(fields, max_file_bytes=limits.max_image_bytes, max_files=limits.max_pages)
    model = _model(fields.get("model"))
    return Call(OCR, model, exchange.request_id, exchange.received, options=request)


def _edit_call(exchange: Exchange, body: bytes, limits: MediaLimits) -> Call:
    most = limits.max_image_bytes
    fields: Mapping[str, Any]
    if exchange.media_type == "multipart/form-data":
        form = parse_multipart(exchange.headers["content-type"], body, max_file_bytes=most)
        fields = form.fields
        model, request = _model(fields.get("model")), edit_of_form(form)
    else:
        fields = json_object(exchange, body)
        model, request = _model(fields.get("model")), edit_of_document(fields, max_file_bytes=most)
    if _flag("stream", fields.get("stream")):
        raise _no_stream(EDITS)
    return Call(EDITS, model, exchange.request_id, exchange.received, options=request)


def _no_stream(operation: Operation) -> InvalidRequest:
    return InvalidRequest(f"{operation.path} does not stream.", param="stream")


def read_form(exchange: Exchange, body: bytes, file_fields: tuple[str, ...], max_file_bytes: int) -> Form:
    """A file with fields: multipart, or a JSON object with the file as base64."""
    if exchange.media_type == "multipart/form-data":
        return parse_multipart(exchange.headers["content-type"], body, max_file_bytes=max_file_bytes)
    return parse_file_json(json_object(exchange, body), file_fields, max_file_bytes=max_file_bytes)


def json_object(exchange: Exchange, body: bytes) -> Mapping[str, Any]:
    if exchange.media_type not in ("application/json", ""):
        raise UnsupportedMedia("Send multipart/form-data, or JSON with the file as base64.")
    document = split_object(body)
    return {name: value_of(document, name) for name in document}


def _only_file(form: Form) -> Upload:
    if not form.files:
        raise _missing_file(form)
    if len(form.files) > 1:
        raise InvalidRequest("Send one file.", param="file")
    return form.files[0]


def _missing_file(form: Form) -> InvalidRequest:
    message = "Missing required parameter: 'file' (multipart), or 'file_b64' in JSON."
    if "file" in form.fields:
        message = "'file' came as a text, not as a file: its part needs a file name (with curl: -F file=@NAME)."
    return InvalidRequest(message, param="file", code="missing_file")


def _model(value: Field | Any) -> str:
    if value is None or value == "":
        raise InvalidRequest("Missing required parameter: 'model'.", param="model", code="missing_model")
    if not isinstance(value, str) or len(value) > 256:
        raise InvalidRequest("'model' must be a string of at most 256 characters.", param="model", code="invalid_type")
    return value


def _flag(name: str, value: Any) -> bool:
    """A JSON boolean, or what a form sends for one."""
    if value in (None, False, True):
        return bool(value)
    if isinstance(value, str) and value.lower() in ("true", "false", "1", "0", ""):
        return value.lower() in ("true", "1")
    raise InvalidRequest(f"'{name}' must be true or false.", param=name, code="invalid_type")
