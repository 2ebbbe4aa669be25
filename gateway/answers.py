"""What the calls of `client` answer with: the document as the endpoint gives it, and its most used parts by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec


@dataclass(frozen=True)
class Answer:
    """`headers` have lower-case names: api.md tells which there are."""

    content: bytes
    headers: Mapping[str, str]

    @cached_property
    def document(self) -> dict[str, Any]:
        """The content as JSON."""
        found: dict[str, Any] = msgspec.json.decode(self.content)
        return found

    @property
    def provider(self) -> str:
        return self.headers.get("x-gateway-provider", "")

    @property
    def request_id(self) -> str:
        return self.headers["x-request-id"]

    @property
    def usage(self) -> dict[str, Any]:
        return self.document.get("usage") or {}


@dataclass(frozen=True)
class Chat(Answer):
    @property
    def message(self) -> dict[str, Any]:
        """Of the first choice."""
        found: dict[str, Any] = self.document["choices"][0]["message"]
        return found

    @property
    def text(self) -> str:
        return self.message.get("content") or ""

    @property
    def finish_reason(self) -> str | None:
        found: str | None = self.document["choices"][0].get("finish_reason")
        return found


@dataclass(frozen=True, slots=True)
class ChatPiece:
    """One event of a stream."""

    document: dict[str, Any]

    @property
    def text(self) -> str:
        """What it adds to the first choice."""
        choices = [one for one in self.document.get("choices") or () if one.get("index", 0) == 0]
        return (choices[0].get("delta") or {}).get("content") or "" if choices else ""


@dataclass(frozen=True)
class Embeddings(Answer):
    @property
    def vectors(self) -> list[list[float]]:
        """In the order of the input, with `encoding_format` `float`."""
        data = sorted(self.document["data"], key=lambda one: int(one["index"]))
        return [one["embedding"] for one in data]


@dataclass(frozen=True)
class Transcript(Answer):
    @property
    def text(self) -> str:
        """The words, or the subtitles where they were asked for."""
        if self.headers["content-type"].startswith("application/json"):
            return str(self.document["text"])
        return self.content.decode()

    @property
    def segments(self) -> list[dict[str, Any]]:
        """With `start` and `end` in seconds."""
        return self.document.get("segments") or []


@dataclass(frozen=True)
class Ocr(Answer):
    @property
    def text(self) -> str:
        return str(self.document["text"])

    @property
    def pages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.document["pages"]
        return found
