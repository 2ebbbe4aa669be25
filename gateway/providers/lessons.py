"""What models refuse that others take, and how the same is asked of them instead. Pure; called by `json_calls`.

Which refusal means what is guessed from its words, so a lesson counts only once the model has answered by it.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from msgspec import Raw

from gateway.errors import GatewayError, UpstreamRefused, UpstreamServerError
from gateway.providers.message_fields import UNWANTED, refused_field, without
from gateway.providers.message_forms import (
    in_plain_texts,
    in_turns,
    with_short_ids,
    with_signatures,
    with_system_role,
    with_thoughts,
    without_empty_calls,
)

Document = Mapping[str, Raw]

PLAIN_VECTORS = "plain vectors"
_OLD_NAME, _NEW_NAME = "max_tokens", "max_completion_tokens"
_WITHOUT, _BARE = "without ", "bare of "
"""A field of the messages, and one of the request, whose name follows."""
_ESSENTIAL = frozenset({"input", "messages", "model", "prompt"})
_NOTHING = (b"null", b"[]", b"{}", b'""')
_ONE, _ZERO = (b"1", b"1.0"), (b"0", b"0.0")
_HINTS = frozenset({"metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "store", "user"})
"""Fields of the request that change no answer."""
_DEFAULTS: Mapping[str, tuple[bytes, ...]] = {
    "frequency_penalty": _ZERO,
    "logprobs": (b"false",),
    "n": _ONE,
    "parallel_tool_calls": (b"true",),
    "presence_penalty": _ZERO,
    "service_tier": (b'"auto"', b'"default"'),
    "temperature": _ONE,
    "tool_choice": (b'"auto"',),
    "top_p": _ONE,
}
"""And what those that do change it say where they ask for nothing else than without them."""
_TEMPLATE = re.compile(r"jinja|template|\broles?\b|system message|tool call id", re.IGNORECASE)
_EMPTY = r"empty|too short|at least|min(?:imum)?[_ ]"
_OF_TOOLS = ("tools", "tool_choice", "parallel_tool_calls")


@dataclass(frozen=True, slots=True)
class _Lesson:
    """`refused` is how a refusal sounds that `mend` may answer; that gives back the very document where it has nothing
    to change."""

    refused: re.Pattern[str]
    mend: Callable[[Document], Document]


def lesson_of(failure: GatewayError, document: Document, known: Collection[str]) -> str:
    """What is to be asked otherwise after this; empty where nothing is. By those that are `known` the document was
    asked already."""
    if not (said := _said(failure)):
        return ""
    for name, lesson in _LESSONS.items():
        if name not in known and lesson.refused.search(said) and lesson.mend(document) is not document:
            return name
    if field := refused_field(failure, document):
        return _WITHOUT + field
    field = _refused_hint(failure, document)
    return _BARE + field if field else ""


def as_learned(document: Document, lessons: Collection[str]) -> Document:
    for name, lesson in _LESSONS.items():
        if name in lessons:
            document = lesson.mend(document)
    if names := {name.removeprefix(_WITHOUT) for name in lessons if name.startswith(_WITHOUT)}:
        document = without(document, names)
    if names := {name.removeprefix(_BARE) for name in lessons if name.startswith(_BARE)}:
        spare = {name for name in names if name in document and _says_nothing(name, document[name])}
        document = {name: value for name, value in document.items() if name not in spare}
    return document


def _said(failure: GatewayError) -> str:
    """What may teach something. llama.cpp and others fail with 500 at what their templates refuse."""
    if isinstance(failure, UpstreamServerError) and _TEMPLATE.search(failure.upstream or ""):
        return failure.upstream or ""
    return f"{failure.param or ''} {failure.message}" if isinstance(failure, UpstreamRefused) else ""


def _refused_hint(failure: GatewayError, document: Document) -> str:
    """The field of the request that a refusal is about, if the answer is the same without it."""
    said = failure.message
    if not isinstance(failure, UpstreamRefused) or not UNWANTED.search(said):
        return ""
    spare = [name for name, value in document.items() if _says_nothing(name, value)]
    return next((name for name in spare if name == failure.param or _is_named(name, said)), "")


def _is_named(name: str, said: str) -> bool:
    """In quotation marks, behind a path, before a colon, or behind a word for what it is."""
    name = re.escape(name)
    before = rf"['\"`./\]]{name}(?!\w)|(?:^|; ){name}:"
    return re.search(rf"{before}|\b(?:argument|field|parameter|supplied|inputs?):? {name}(?!\w)", said) is not None


def _says_nothing(name: str, value: Raw) -> bool:
    empty = bytes(value) in _NOTHING and name not in _ESSENTIAL
    return empty or name in _HINTS or bytes(value) in _DEFAULTS.get(name, ())


def _newer_bound(document: Document) -> Document:
    """The bound of the answer's tokens under the name that OpenAI's reasoning models know alone."""
    return _renamed(document, _OLD_NAME, _NEW_NAME)


def _older_bound(document: Document) -> Document:
    return _renamed(document, _NEW_NAME, _OLD_NAME)


def _renamed(document: Document, known: str, wanted: str) -> Document:
    if known not in document:
        return document
    if wanted in document:
        return {name: value for name, value in document.items() if name != known}
    return {wanted if name == known else name: value for name, value in document.items()}


def _without_empty_lists(document: Document) -> Document:
    if bytes(document.get("tools", b"")) == b"[]":
        document = {name: value for name, value in document.items() if name not in _OF_TOOLS}
    return without_empty_calls(document)


def _plain_vectors(document: Document) -> Document:
    """In the encoding that everybody has."""
    if "encoding_format" not in document:
        return document
    return {name: value for name, value in document.items() if name != "encoding_format"}


def _lesson(refused: str, mend: Callable[[Document], Document]) -> _Lesson:
    return _Lesson(re.compile(refused, re.IGNORECASE | re.DOTALL), mend)


_LESSONS: Mapping[str, _Lesson] = {
    "newer bound": _lesson(rf"use ['\"`]?{_NEW_NAME}", _newer_bound),
    "older bound": _lesson(
        rf"{_NEW_NAME}\W{{1,4}}(?:\w+ ){{0,3}}(?:{UNWANTED.pattern})"
        rf"|(?:argument|field|parameter|property|supplied)\W{{1,4}}{_NEW_NAME}",
        _older_bound,
    ),
    "system role": _lesson(r"\broles?\b|developer", with_system_role),
    "turns": _lesson(
        r"system message (?:must|should|can)|first message.{0,40}system|\balternate\b|successive (?:user|system)",
        in_turns,
    ),
    "short ids": _lesson(
        r"tool[\w\[\]. ]{0,20}[ ._]id\b.{0,200}(?:length|too long|pattern|must be|at most)", with_short_ids
    ),
    "plain texts": _lesson(
        r"\b(?:sequence|array|list)\b.{0,80}\bstring\b|\bstring\b.{0,80}\b(?:sequence|array|list)\b"
        r"|content\S{0,20} .{0,30}\b(?:(?:a|valid) string|required|null|none)\b|missing field .?content",
        in_plain_texts,
    ),
    "thoughts": _lesson(
        r"reasoning_content.{0,60}(?:passed back|missing)|missing.{0,10}reasoning_content", with_thoughts
    ),
    "signatures": _lesson("thought_signature", with_signatures),
    "no empty lists": _lesson(rf"\btool.{{0,80}}(?:{_EMPTY})|(?:{_EMPTY}).{{0,80}}\btool", _without_empty_lists),
    PLAIN_VECTORS: _lesson("encoding_format|base64", _plain_vectors),
}
"""In the order in which they are tried, and applied."""
