"""OCR through a chat model that sees: the question as a chat body, and the reply read back. Called by the adapters."""

import re
from collections.abc import Sequence
from typing import Any

import orjson

from gateway.errors import UpstreamBadResponse
from gateway.openai_api.call import Upload
from gateway.openai_api.data_url import data_url
from gateway.openai_api.ocr import OcrResult, Page
from gateway.openai_api.ocr_parse import parse_layout

INSTRUCTION = (
    "Read the image and write out all of its text exactly as it stands, in reading order, with its line breaks. "
    "Write tables as Markdown. Add nothing: no comment, no translation, no code fence. If there is no text, answer "
    "with nothing."
)
_THOUGHTS = re.compile(r"\s*<think>.*?</think>", re.DOTALL)
"""Of models that think, where their server does not part it from the answer."""
_FENCE = re.compile(r"```[a-zA-Z]*\n(.*?)\n?```", re.DOTALL)


def vision_prompt_body(model: str, images: Sequence[Upload], instruction: str = INSTRUCTION) -> bytes:
    """A chat completion request with the images as data URLs before the instruction. One page a request reads best."""
    content: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": data_url(image.media_type, image.data)}} for image in images
    ]
    content.append({"type": "text", "text": instruction})
    return orjson.dumps({"model": model, "messages": [{"role": "user", "content": content}], "temperature": 0})


def parse_vision_reply(body: bytes) -> OcrResult:
    """The reply's text as one page, its code fence removed; layout JSON, as dots.ocr writes, with its boxes.

    Raises `UpstreamBadResponse` for anything but a chat completion, for one that was cut short, refused or kept back by
    a filter. No content at a regular end is a page without text.
    """
    try:
        choice = orjson.loads(body)["choices"][0]
        message, finish = choice["message"], choice.get("finish_reason")
        content = message.get("content")
        if content is None and finish == "stop" and not message.get("refusal"):
            content = ""
        if isinstance(content, list):
            content = "".join(part["text"] for part in content if part.get("type") == "text")
        text = _THOUGHTS.sub("", content, count=1).strip() if _THOUGHTS.match(content) else content.strip()
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError, AttributeError):
        raise UpstreamBadResponse("The provider sent an answer that is not a chat completion.") from None
    if finish == "length":
        raise UpstreamBadResponse("The provider's model ran out of tokens before the page was read to its end.")
    if isinstance(finish, str) and "content_filter" in finish:
        raise UpstreamBadResponse("The provider's filter kept back the text of the page.")
    if fenced := _FENCE.fullmatch(text):
        text = fenced[1].strip()
    return OcrResult(parse_layout(text) or (Page(text),))
