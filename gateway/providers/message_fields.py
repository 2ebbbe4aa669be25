"""Fields of chat messages that one provider tells and another refuses to be told again, such as `reasoning_content`."""

import re
from collections.abc import Collection, Iterator, Mapping

import msgspec
from msgspec import Raw

from gateway.errors import GatewayError

_MESSAGE = frozenset(
    {"role", "content", "name", "tool_calls", "tool_call_id", "function_call", "audio", "prefix", "partial"}
)
"""Without these a message says something else. The last two let a model go on behind it."""
_PART = frozenset({"type", "text", "image_url", "input_audio", "file", "video_url", "audio_url", "file_url"})
_TOOL_CALL = frozenset({"id", "type", "function", "custom"})
_NOTHING = (b"null", b"[]", b"{}", b'""')
_STATUSES = (400, 422)
UNWANTED = re.compile(
    r"unsupported|not supported|does not support|not (?:permitted|allowed)|unexpected|unrecognized|unknown|forbidden"
    r"|additional|please remove|not a valid (?:field|property)",
    re.IGNORECASE,
)
"""How providers say that they know no such field."""
_PATH = "['\"`./\\]]"

_list = msgspec.json.Decoder(list[Raw]).decode
_object = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.Encoder().encode


def refused_field(refusal: GatewayError, document: Mapping[str, Raw]) -> str:
    """The field of the messages that a refusal is about, if they say the same without it; else empty."""
    said = f"{refusal.param or ''} {refusal.message}"
    if refusal.http_status not in _STATUSES or not UNWANTED.search(said):
        return ""
    return next((name for name in sorted({*_spare(document)}) if _is_named(name, said)), "")


def without(document: Mapping[str, Raw], names: Collection[str]) -> Mapping[str, Raw]:
    """The chat without these fields in its messages, in the parts of their content and in their tool calls."""
    messages = [_message(message, names) for message in items_of(document.get("messages"))]
    return {**document, "messages": Raw(_encode(messages))} if messages else document


def _is_named(name: str, said: str) -> bool:
    """As part of a path or in quotation marks; a name of several words also by itself."""
    before = r"(?<!\w)" if "_" in name else _PATH
    return re.search(rf"{before}{re.escape(name)}(?!\w)", said) is not None


def _spare(document: Mapping[str, Raw]) -> Iterator[str]:
    for message in items_of(document.get("messages")):
        members = members_of(message)
        yield from _others(members, _MESSAGE)
        for part in items_of(members.get("content")):
            yield from _others(members_of(part), _PART)
        for called in items_of(members.get("tool_calls")):
            yield from _others(members_of(called), _TOOL_CALL)


def _others(members: Mapping[str, Raw], essential: frozenset[str]) -> Iterator[str]:
    return (name for name, value in members.items() if name not in essential or bytes(value) in _NOTHING)


def _message(message: Raw, names: Collection[str]) -> Raw:
    members = members_of(message)
    for name, essential in (("content", _PART), ("tool_calls", _TOOL_CALL)):
        if items := items_of(members.get(name)):
            members[name] = Raw(_encode([_shortened(item, names, essential) for item in items]))
    return _cut(members, names, _MESSAGE) if members else message


def _shortened(item: Raw, names: Collection[str], essential: frozenset[str]) -> Raw:
    members = members_of(item)
    return _cut(members, names, essential) if members else item


def _cut(members: Mapping[str, Raw], names: Collection[str], essential: frozenset[str]) -> Raw:
    spare = {*_others(members, essential)}.intersection(names)
    return Raw(_encode({name: value for name, value in members.items() if name not in spare}))


def items_of(raw: Raw | None) -> list[Raw]:
    return _list(raw) if raw is not None and bytes(memoryview(raw)[:1]) == b"[" else []


def members_of(raw: Raw) -> dict[str, Raw]:
    return _object(raw) if bytes(memoryview(raw)[:1]) == b"{" else {}
