"""`/v1/images/edits`: the pictures that are sent, the fields beside them, and both as others want them. Pure; read by
`api`, used by the adapters.

Source of the fields and of the form in JSON: https://platform.openai.com/docs/api-reference/images/createEdit
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from gateway.errors import InvalidImage, InvalidRequest
from gateway.openai_api.call import Upload
from gateway.openai_api.data_url import data_url, image_format
from gateway.openai_api.drawing import MOST
from gateway.openai_api.forms import MAX_NAME, Form
from gateway.openai_api.ocr_request import RemoteFile, read_input

IMAGE = "image"
MAX_IMAGES = 16
"""Of one request, as at OpenAI."""
MAX_FIELDS = 64
"""As many parts as a form may have."""

_LISTS = (IMAGE, "images")
_ALONE = ("mask", "markup")
"""Pictures beside those that are edited; one of each."""
_OWN = frozenset({"model", "stream"})
"""What the gateway says itself."""
_TEXTS = frozenset({"prompt", "negative_prompt", "user", "safety_identifier"})
"""Fields that stay texts though they read as numbers."""
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,17})(\.\d{1,17})?")
_WORDS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class EditRequest:
    """`names` say of each of `inputs` what it is: `image`, `mask` or `markup`. `fields` are all others but `model` and
    `stream`: texts as a form has them, or any value of JSON. `n` is how many pictures are wanted."""

    names: tuple[str, ...]
    inputs: tuple[Upload | RemoteFile, ...]
    fields: Mapping[str, Any]
    n: int = 1


def edit_of_form(form: Form) -> EditRequest:
    """Raises InvalidRequest naming the field, and InvalidImage."""
    for name in (*_LISTS, *_ALONE):
        if name in form.fields:
            text = f"'{name}' came as a text, not as a file: its part needs a file name (with curl: -F {name}=@NAME)."
            raise InvalidRequest(text, param=name, code="missing_file")
    names = [name.partition("[")[0] for name in form.names]
    for name in names:
        if name not in (IMAGE, *_ALONE):
            text = f"'{name}' is no file of this endpoint: send 'image', and 'mask' where there is one."
            raise InvalidRequest(text, param=name)
    return _request(names, form.files, form.fields)


def edit_of_document(document: Mapping[str, Any], *, max_file_bytes: int) -> EditRequest:
    """OpenAI's JSON: `images` and `mask` are `{"image_url": …}` with a data URL or an address. Texts are taken too,
    among them base64, and `image` for `images`. Raises InvalidRequest naming the field, and InvalidImage."""
    names: list[str] = []
    inputs: list[Upload | RemoteFile] = []
    fields: dict[str, Any] = {}
    for name, value in document.items():
        if value is None:
            continue
        if name in _LISTS:
            items = value if isinstance(value, list) else [value]
            _check_count(len(names) + len(items))
            for n, item in enumerate(items):
                names.append(IMAGE)
                inputs.append(_picture(item, f"{name}[{n}]" if isinstance(value, list) else name, max_file_bytes))
        elif name in _ALONE:
            names.append(name)
            inputs.append(_picture(value, name, max_file_bytes))
        else:
            fields[name.removesuffix("[]")] = value
    return _request(names, inputs, fields)


def checked_picture(upload: Upload, name: str) -> Upload:
    """As what its first bytes say, with an ending in its name. Raises InvalidImage."""
    media_type = image_format(upload.data)
    if media_type is None:
        raise InvalidImage(f"'{name}' is not a PNG, JPEG, WebP or GIF image.", param=name)
    filename = upload.filename if "." in upload.filename else f"{upload.filename}.{media_type.partition('/')[2]}"
    return Upload(filename, media_type, upload.data)


def form_fields(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """As a form has them: lists as `name[]`, objects as `name[member]`. Raises InvalidRequest for a name too long."""
    for name, value in fields.items():
        yield from _flat(name, value)


def json_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON has them: what a form says in letters are numbers and truth values again."""
    return {name: value if name in _TEXTS else _value(value) for name, value in fields.items()}


def edit_body(model: str, names: Sequence[str], files: Sequence[Upload], fields: Mapping[str, Any]) -> dict[str, Any]:
    """OpenAI's request in JSON."""
    pictures = [
        (name, {"image_url": data_url(file.media_type, file.data)}) for name, file in zip(names, files, strict=True)
    ]
    images = [picture for name, picture in pictures if name == IMAGE]
    return {**json_fields(fields), "model": model, "images": images, **{n: p for n, p in pictures if n != IMAGE}}


def _request(names: Sequence[str], inputs: Sequence[Upload | RemoteFile], fields: Mapping[str, Any]) -> EditRequest:
    if IMAGE not in names:
        raise _no_image(names)
    _check_count(names.count(IMAGE))
    for name in _ALONE:
        if names.count(name) > 1:
            raise InvalidRequest(f"Send one '{name}'.", param=name)
    prompt = fields.get("prompt")
    if prompt in (None, ""):
        raise InvalidRequest("Missing required parameter: 'prompt'.", param="prompt", code="missing_prompt")
    if not isinstance(prompt, str):
        raise InvalidRequest("'prompt' must be a text.", param="prompt", code="invalid_type")
    kept = {name: value for name, value in fields.items() if name not in _OWN}
    if sum(1 for _ in islice(form_fields(kept), MAX_FIELDS + 1)) > MAX_FIELDS:
        raise InvalidRequest(f"The request has more than {MAX_FIELDS} fields.")
    checked = [
        checked_picture(one, name) if isinstance(one, Upload) else one for name, one in zip(names, inputs, strict=True)
    ]
    return EditRequest(tuple(names), tuple(checked), kept, _wanted(fields.get("n")))


def _no_image(names: Sequence[str]) -> InvalidRequest:
    text = "Missing required parameter: 'image' (multipart), or 'images' in JSON."
    if names:
        text = f"'{names[0]}' needs an 'image' that it belongs to."
    return InvalidRequest(text, param=IMAGE, code="missing_file")


def _check_count(count: int) -> None:
    if count > MAX_IMAGES:
        raise InvalidRequest(f"At most {MAX_IMAGES} images are taken at a time.", param=IMAGE)


def _wanted(value: Any) -> int:
    n = _value(value)
    if n in (None, ""):
        return 1
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= MOST:
        raise InvalidRequest(f"'n' must be a whole number from 1 to {MOST}.", param="n")
    return n


def _picture(value: Any, param: str, max_file_bytes: int) -> Upload | RemoteFile:
    if isinstance(value, dict) and value.get("file_id") is not None:
        text = f"'{param}.file_id' is not supported: send the image itself in 'image_url', as a data URL."
        raise InvalidRequest(text, param=f"{param}.file_id", code="unsupported_parameter")
    return read_input(value, param, IMAGE, max_file_bytes)


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if len(name) > MAX_NAME:
        raise InvalidRequest(f"The name of a field is longer than {MAX_NAME} characters.", param=name[:MAX_NAME])
    if isinstance(value, dict):
        for member, inner in value.items():
            yield from _flat(f"{name}[{member}]", inner)
    elif isinstance(value, list):
        for item in value:
            yield from _flat(f"{name}[]", item)
    elif value is not None:
        yield name, value if isinstance(value, str) else json.dumps(value)


def _value(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = _NUMBER.fullmatch(value)
    return _WORDS.get(value, value) if found is None else float(value) if found[2] else int(value)
