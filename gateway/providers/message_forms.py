"""A chat whose messages say the same in another form: for models that refuse the form that others take. Pure.

Each function gives back the very document where there is nothing to change.
"""

import re
from collections.abc import Callable, Mapping
from hashlib import blake2b

import msgspec
from msgspec import Raw

from gateway.providers.message_fields import items_of, members_of

Document = Mapping[str, Raw]
Message = dict[str, Raw]

_NULL = Raw(b"null")
_NOTHING = (b"null", b'""')
_SYSTEM = ("system", "developer")
_SIDES = (*_SYSTEM, "user", "assistant")
"""Of which two messages in a row can be one."""
_SHORT_ID = re.compile("[A-Za-z0-9]{9}")
"""What Mistral takes, and with it everybody else."""
_UNKNOWN_THOUGHT = Raw(b'" "')
"""DeepSeek takes no empty one."""
_UNSIGNED = Raw(b'{"google":{"thought_signature":"skip_thought_signature_validator"}}')
"""Google's own word for a call that Gemini has not made, or that lost its signature on the way."""

_text = msgspec.json.Decoder(str).decode
_encode = msgspec.json.Encoder().encode


def with_system_role(document: Document) -> Document:
    """`developer` is the newer name of OpenAI's models for the same."""

    def mend(message: Message) -> Message | None:
        return {**message, "role": Raw(b'"system"')} if _role(message) == "developer" else None

    return _each(document, mend)


def in_turns(document: Document) -> Document:
    """One message of the system, at the beginning, and no two of one side in a row. What the system says later the user
    tells, in the tags in which agents tell it."""
    messages = [members_of(message) for message in items_of(document.get("messages"))]
    turns: list[Message] = []
    for message in messages:
        role = _role(message)
        if role in _SYSTEM and turns and _role(turns[-1]) not in _SYSTEM:
            message, role = _reminder(message), "user"
        if turns and role in _SIDES and _may_join(turns[-1], message):
            content = _joined(_content(turns[-1]), _content(message))
            turns[-1] = {**turns[-1], **message, "role": turns[-1]["role"], "content": content}
        else:
            turns.append(message)
    return document if turns == messages else {**document, "messages": Raw(_encode(turns))}


def with_short_ids(document: Document) -> Document:
    """Calls of tools under other ids, the same for the same."""

    def mend(message: Message) -> Message | None:
        calls = [members_of(call) for call in items_of(message.get("tool_calls"))]
        shorter = [{**call, "id": _short(call["id"])} if "id" in call else call for call in calls]
        ids = {"tool_call_id": _short(message["tool_call_id"])} if "tool_call_id" in message else {}
        new = {**message, **ids, **({"tool_calls": Raw(_encode(shorter))} if shorter != calls else {})}
        return new if new != message else None

    return _each(document, mend)


def in_plain_texts(document: Document) -> Document:
    """Each content one string, where it is no more than texts."""

    def mend(message: Message) -> Message | None:
        content = message.get("content", _NULL)
        if bytes(content) == b"null":
            return {**message, "content": Raw(b'""')} if _role(message) == "assistant" else None
        told = None if _begins(content, b'"') else _plain(content)
        return None if told is None else {**message, "content": Raw(_encode(told))}

    return _each(document, mend)


def with_thoughts(document: Document) -> Document:
    """Each message of the assistant with what it thought, as far as that is known."""

    def mend(message: Message) -> Message | None:
        if _role(message) != "assistant" or bytes(message.get("reasoning_content", _NULL)) not in _NOTHING:
            return None
        other = message.get("reasoning", _NULL)
        known = _begins(other, b'"') and bytes(other) not in _NOTHING
        return {**message, "reasoning_content": other if known else _UNKNOWN_THOUGHT}

    return _each(document, mend)


def with_signatures(document: Document) -> Document:
    """Each call of a tool with a signature that Gemini does not check, unless it has one."""

    def mend(message: Message) -> Message | None:
        calls = [members_of(call) for call in items_of(message.get("tool_calls"))]
        signed = [call if b"thought_signature" in bytes(call.get("extra_content", _NULL)) else
                  {**call, "extra_content": _UNSIGNED} for call in calls]  # fmt: skip
        return {**message, "tool_calls": Raw(_encode(signed))} if signed != calls else None

    return _each(document, mend)


def without_empty_calls(document: Document) -> Document:
    """`tool_calls: []`, as vLLM tells it with every message."""

    def mend(message: Message) -> Message | None:
        if "tool_calls" not in message or items_of(message["tool_calls"]):
            return None
        return {name: value for name, value in message.items() if name != "tool_calls"}

    return _each(document, mend)


def _each(document: Document, mend: Callable[[Message], Message | None]) -> Document:
    """`mend` gives a message anew, or None where it stays."""
    messages = items_of(document.get("messages"))
    new = [mend(members_of(message)) for message in messages]
    if not any(message is not None for message in new):
        return document
    told = [before if message is None else message for before, message in zip(messages, new, strict=True)]
    return {**document, "messages": Raw(_encode(told))}


def _begins(raw: Raw, first: bytes) -> bool:
    return bytes(memoryview(raw)[:1]) == first


def _role(message: Message) -> str:
    role = message.get("role", _NULL)
    return _text(role) if _begins(role, b'"') else ""


def _content(message: Message) -> Raw:
    return message.get("content", _NULL)


def _plain(content: Raw) -> str | None:
    """The text of a content that holds nothing else; None for others."""
    if _begins(content, b'"'):
        return _text(content)
    parts = [members_of(part) for part in items_of(content)]
    texts = [part["text"] for part in parts if bytes(part.get("type", _NULL)) == b'"text"' and "text" in part]
    if not parts or len(texts) < len(parts) or not all(_begins(text, b'"') for text in texts):
        return None
    return "\n".join(_text(text) for text in texts)


def _reminder(message: Message) -> Message:
    told = _plain(_content(message))
    content = _content(message) if told is None else Raw(_encode(f"<system-reminder>\n{told}\n</system-reminder>"))
    return {**message, "role": Raw(b'"user"'), "content": content}


def _may_join(before: Message, message: Message) -> bool:
    sides = [role if (role := _role(one)) not in _SYSTEM else "system" for one in (before, message)]
    return sides[0] == sides[1] and not any(items_of(one.get("tool_calls")) for one in (before, message))


def _joined(before: Raw, behind: Raw) -> Raw:
    if _begins(before, b'"') and _begins(behind, b'"'):
        return Raw(_encode(f"{_text(before)}\n\n{_text(behind)}"))
    parts = [*_parts(before), *_parts(behind)]
    return Raw(_encode(parts)) if parts else before


def _parts(content: Raw) -> list[Raw]:
    return [Raw(_encode({"type": "text", "text": content}))] if _begins(content, b'"') else items_of(content)


def _short(id: Raw) -> Raw:
    if not _begins(id, b'"') or _SHORT_ID.fullmatch(told := _text(id)):
        return id
    return Raw(_encode(blake2b(told.encode(), digest_size=5).hexdigest()[:9]))
