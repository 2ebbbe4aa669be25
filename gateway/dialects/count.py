"""About how many tokens a request has, told before anybody is asked. Each model counts in its own way, and providers
tell theirs only with an answer: so this is an estimate, and rather too high, that nobody fills a context too far."""

from collections.abc import Callable

import orjson

from gateway.dialects.fields import Document, required_text
from gateway.dialects.messages.request import read_request
from gateway.dialects.responses.request import ResponsesTranslation

_BYTES_PER_TOKEN = 3
"""Fewer than texts and code have on average."""
_PICTURE = 1600
"""Tokens of the largest picture, at Anthropic."""
_FILE_CHARACTERS = 40
"""Of a PDF's base64 for one token: those of a page that is part text and part drawing."""
_SOUND_CHARACTERS = 1000
"""Of a recording's base64 for one token: those of 0.1 s, which OpenAI counts as one, in a compressed file."""
_COUNTED = ("tools", "response_format")
Count = Callable[[bytes], tuple[str, int]]
"""The model that a request names, and about how many tokens it would read. Raises InvalidRequest naming the field that
is wrong."""


def count_messages(body: bytes) -> tuple[str, int]:
    """Of a Messages request, in which `max_tokens` may be left out."""
    return _count(read_request(body))


def count_responses(body: bytes) -> tuple[str, int]:
    """Of a Responses request."""
    return _count(orjson.loads(ResponsesTranslation(body).chat))


def _count(chat: Document) -> tuple[str, int]:
    messages = chat["messages"]
    files = [part for message in messages for part in _parts(message) if part["type"] != "text"]
    counted = [*map(_written, messages), *(chat.get(name) for name in _COUNTED)]
    tokens = len(orjson.dumps(counted)) // _BYTES_PER_TOKEN + sum(map(_of_file, files))
    return required_text(chat, "model"), tokens


def _parts(message: Document) -> list[Document]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def _written(message: Document) -> Document:
    """A message without its files."""
    if not (parts := _parts(message)):
        return message
    return {**message, "content": [part for part in parts if part["type"] == "text"]}


def _of_file(part: Document) -> int:
    if part["type"] == "file":
        return len(part["file"]["file_data"]) // _FILE_CHARACTERS
    if part["type"] == "input_audio":
        return len(str(part["input_audio"].get("data"))) // _SOUND_CHARACTERS
    return _PICTURE
