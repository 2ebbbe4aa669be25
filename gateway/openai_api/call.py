"""`Call` and `Reply`: one request after parsing, and its answer. Made by `api`, consumed by `pipeline` and adapters."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
from msgspec import Raw, structs

from gateway.openai_api.confidentiality import Rule
from gateway.openai_api.json_body import split_text
from gateway.openai_api.operations import Operation
from gateway.openai_api.payloads import Excerpt, excerpt

Field = str | list[str]


@dataclass(frozen=True, slots=True)
class Upload:
    """A file the caller sent, whole in memory (bounded by the operation's limit)."""

    filename: str
    media_type: str
    data: bytes


class Call(msgspec.Struct, eq=False):
    """One request, never changed: `replaced` makes another. Not frozen, as a frozen one takes thrice as long to make.

    `body` is the caller's JSON object as sent (JSON operations only); `document` splits it.
    `fields` are the form fields of a file operation, strings as in a form; JSON requests of a file operation
    are brought to the same form. `files` are its files: one audio file, the pages of a document, or pictures.
    `received` is `time.monotonic()` at the first byte, `deadline` the moment by which the answer must be whole.
    """

    operation: Operation
    model: str
    request_id: str
    received: float
    body: bytes = b""
    fields: Mapping[str, Field] = {}
    files: tuple[Upload, ...] = ()
    options: object = None
    """What a file operation asks for, parsed: `AudioOptions`, `OcrRequest` or `EditRequest`. Of a request in
    another API its `Translation`."""
    stream: bool = False
    goes_on: bool = False
    """Whether the answer must go on behind the last message, which is the assistant's: targets that would answer to it
    are not asked."""
    deadline: float | None = None
    may_become_job: bool = False
    """Then nobody's connection waits for the end of it."""
    session: str = ""
    """Calls of one session go to the same target, whose caches then know their prompts."""
    trace: Mapping[str, str] = {}
    """Headers that tell the upstream which trace this try belongs to."""
    rule: Rule | None = None
    """What whoever is asked must be; every try is held against it."""
    _excerpt: Excerpt | None = None
    _document: dict[str, Raw] | None = None

    def replaced(self, **changes: Any) -> "Call":
        """Another call with these fields changed. With the body goes what was read of it."""
        if "body" in changes:
            changes |= {"_excerpt": None, "_document": None}
        return structs.replace(self, **changes)

    def excerpt(self) -> Excerpt:
        """`body` without long payloads: for whoever wants to look into it."""
        if self._excerpt is None:
            self._excerpt = excerpt(self.body)
        return self._excerpt

    def document(self) -> Mapping[str, Raw]:
        """The keys of `body` in order with the bytes of their values, split once; without long payloads, which
        `excerpt().restore` puts back. Raises InvalidJSON."""
        if self._document is None:
            self._document = split_text(self.excerpt().text)
        return self._document

    def keep(self, part: Excerpt, document: dict[str, Raw]) -> None:
        """Spares the splitting of a body that was split already."""
        self._excerpt, self._document = part, document


class Usage(msgspec.Struct):
    """What an answer consumed, in the operation's unit; absent figures are None, never guessed."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    seconds: float | None = None
    pages: int | None = None
    requests: int = 1
    """That the provider was sent for it: one for each page, and for each picture of a chute."""


Take = Callable[[list[bytes]], Awaitable[None] | None]
"""Takes the pieces that have arrived, at least one; what it returns is awaited before it gets more."""


class Enough(Exception):
    """Raised by a `Take` that wants no more for now."""


class ByteStream(Protocol):
    """An answer that arrives in pieces. `aclose` stops the upstream at once; safe at any time, twice too."""

    @property
    def usage(self) -> Usage | None:
        """What has been told so far; all of it once the stream has ended."""
        ...

    async def pour(self, take: Take) -> None:
        """Hands everything to `take` as it arrives, within the very callback of the network, so that no task wakes up
        for a piece. Raises what broke the stream, and what `take` raises; after `Enough` the stream can be poured on.
        """
        ...

    async def aclose(self) -> None: ...


class Reply(msgspec.Struct):
    """An answer: `body` is either whole or a stream of complete SSE events."""

    status: int
    media_type: str
    body: bytes | ByteStream
    headers: dict[str, str] = {}
    usage: Usage | None = None
    result: Any = None
    """What a file operation understood (`Transcript` or `OcrResult`), for rendering in the asked format."""
