"""Images in chat messages: checked before anything is sent, remote ones swapped for data URLs. Called by `pipeline`.

Nothing is decoded and nothing is fetched here: `media.fetch` does that, for the URLs found. Whether the bytes are the
picture they are said to be is judged by whoever opens it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw

from gateway.errors import InvalidImage, InvalidRequest
from gateway.openai_api.data_url import MIB, decoded_size, split_data_url, too_large_message, unwrapped
from gateway.openai_api.payloads import Excerpt, excerpt, is_base64

MAX_IMAGE_BYTES = 20 * MIB
FORMATS = frozenset({"image/png", "image/jpeg", "image/jpg", "image/webp", "image/gif"})

_ESCAPED_LETTER = re.compile(rb"\\u00[5-7]")
"""Might spell `image_url` another way."""
_URL = re.compile(r"https?://[^\x00-\x20\x7f\\]+", re.IGNORECASE)
_OTHER_MEDIA = ("video_url", "audio_url", "file_url")
_VISION = re.compile(
    r"""claude.*(?:sonnet|opus|haiku) | gpt-4(?:o|\.1|-turbo|-vision) | gemini-(?:1\.5|2) |
        qwen[\d.]*-?vl | (?:^|[-_/ ])(?:vl|vision)(?:$|[-_/ \d]) | dots[-_.]?ocr""",
    re.IGNORECASE | re.VERBOSE,
)
_NOT_VISION = re.compile(r"transcribe|tts|audio|realtime|embed|rerank", re.IGNORECASE)


class _Chat(msgspec.Struct):
    messages: Any = None


_messages = msgspec.json.Decoder(_Chat).decode
_object = msgspec.json.Decoder(dict[str, Raw]).decode
_list = msgspec.json.Decoder(list[Raw]).decode
_string = msgspec.json.Decoder(str).decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class RemoteImage:
    """An http(s) image at `messages[message].content[part]`."""

    url: str
    message: int
    part: int


@dataclass(frozen=True, slots=True)
class ImageUse:
    """`other_urls` are addresses of video, audio and file parts, which deserve the same caution as images. `wrapped`
    are data URLs whose base64 stands in lines."""

    count: int = 0
    remote: tuple[RemoteImage, ...] = ()
    other_urls: tuple[str, ...] = ()
    wrapped: tuple[str, ...] = ()

    @property
    def need_work(self) -> bool:
        """Whether they cannot go on as they came: there is an address to judge, which somebody will fetch, or base64 in
        lines, of which some engines take but the first."""
        return bool(self.remote or self.other_urls or self.wrapped)


_NO_IMAGES = ImageUse()


def check_images(body: bytes, limit: int = MAX_IMAGE_BYTES) -> ImageUse:
    """What images a chat body (valid JSON) holds. A search for a word when it holds none.

    Raises `InvalidImage` for an image that is too big, of an unknown format, not base64, or at no http(s) address.
    """
    return find_images(excerpt(body), limit)


def find_images(chat: Excerpt, limit: int = MAX_IMAGE_BYTES) -> ImageUse:
    """The same, for a body whose long payloads were found already."""
    body = chat.text
    if body.find(b"_url") < 0 and (body.find(b"\\u00") < 0 or not _ESCAPED_LETTER.search(body)):
        return _NO_IMAGES  # `find`: `in` takes longer to begin
    count = 0
    remote: list[RemoteImage] = []
    others: list[str] = []
    wrapped: list[str] = []
    for message, position, part in _media_parts(body):
        where = f"messages[{message}].content[{position}]"
        if part.get("image_url") is not None:
            count += 1
            if (url := _url_of(part, "image_url", where))[:5].lower() != "data:":
                remote.append(RemoteImage(_address(url, where), message, position))
            elif _is_wrapped(url, where, limit, chat):
                wrapped.append(url)
        for name in _OTHER_MEDIA:
            if part.get(name) is not None and _URL.match(url := _url_of(part, name, where)):
                others.append(url)
    return ImageUse(count, tuple(remote), tuple(others), tuple(wrapped))


def inline_images(body: bytes, replacements: Mapping[str, str]) -> bytes:
    """The chat body with the image URLs that are keys of `replacements` replaced, all else byte for byte as it was."""
    document = _object(body)
    messages = _items(document.get("messages"))
    before = list(messages)
    for position, message in enumerate(messages):
        members = _object(message) if _begins(message, b"{") else {}
        parts = _items(members.get("content"))
        if (new := [_with_data_url(part, replacements) for part in parts]) != parts:
            messages[position] = Raw(_encode({**members, "content": new}))
    return body if messages == before else _encode({**document, "messages": messages})


def supports_vision(model: str) -> bool:
    """Whether the name is that of a model that sees: a guess, which catalog and configuration overrule."""
    return bool(_VISION.search(model)) and not _NOT_VISION.search(model)


def _media_parts(body: bytes) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Message index, part index and members of every content part that is an object."""
    try:
        messages = _messages(body).messages
    except msgspec.ValidationError:
        raise InvalidRequest("'messages' holds a number that is out of range.", param="messages") from None
    for index, message in enumerate(messages if isinstance(messages, list) else ()):
        content = message.get("content") if isinstance(message, dict) else None
        for position, part in enumerate(content if isinstance(content, list) else ()):
            if isinstance(part, dict):
                yield index, position, part


def _url_of(part: dict[str, Any], name: str, where: str) -> str:
    value = part[name]
    url = value.get("url") if isinstance(value, dict) else value
    if not isinstance(url, str):
        raise InvalidImage(f'{where}.{name} must be {{"url": "..."}} with a data URL or an http(s) URL.', param=where)
    return url


def _begins(raw: Raw, first: bytes) -> bool:
    return bytes(memoryview(raw)[:1]) == first


def _items(raw: Raw | None) -> list[Raw]:
    return _list(raw) if raw is not None and _begins(raw, b"[") else []


def _with_data_url(part: Raw, replacements: Mapping[str, str]) -> Raw:
    members = _object(part) if _begins(part, b"{") else {}
    image = members.get("image_url")
    if image is None or _begins(image, b"n"):
        return part
    if not _begins(image, b"{"):
        new: object = replacements.get(_string(image))
    else:
        inner = _object(image)
        url = replacements.get(_string(inner["url"]))
        new = {**inner, "url": url} if url else None
    return Raw(_encode({**members, "image_url": new})) if new else part


def _address(url: str, where: str) -> str:
    if not _URL.fullmatch(url):
        raise InvalidImage(
            f"{where}: an image must be a data URL (data:image/png;base64,...) or an http(s) URL.", param=where
        )
    return url


def _is_wrapped(url: str, where: str, limit: int, chat: Excerpt) -> bool:
    """Check one data URL; True where its base64 stands in lines."""
    try:
        media_type, payload = split_data_url(url)
    except ValueError:
        media_type = payload = ""
    if media_type not in FORMATS:
        raise InvalidImage(
            f"{where}: an image's data URL must begin with data:image/png;base64, (or jpeg, webp, gif).", param=where
        )
    known = chat.payload(payload)
    if wrapped := known is None and "\n" in payload:
        payload = unwrapped(payload)
    data = payload.encode("utf-8", "surrogatepass")
    if (size := decoded_size(data if known is None else known)) > limit:
        raise InvalidImage(too_large_message("Image", size, limit), param=where)
    if known is None and not is_base64(data):
        raise InvalidImage(f"{where}: the image's data URL is not valid base64.", param=where)
    return wrapped
