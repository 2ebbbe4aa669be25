"""The beginning of a prompt, by which calls that share a prompt cache can be told from others."""

from hashlib import blake2b

import msgspec
from msgspec import Raw

_BYTES = 4096
"""Of the beginning; longer than most first questions, short enough to be the same for one long system prompt."""


class _Prompt(msgspec.Struct):
    messages: list[Raw] = []
    prompt: Raw = Raw(b"")


_decode = msgspec.json.Decoder(_Prompt).decode


def opening(body: bytes) -> str:
    """A short hash of what a conversation begins with: its messages up to the first answer, or the prompt, of either
    the first 4 KiB. The turns of one conversation have the same. Empty where the body has no such beginning."""
    try:
        prompt = _decode(body)
    except msgspec.DecodeError:
        return ""
    first = bytearray(bytes(prompt.prompt)[:_BYTES])
    for message in prompt.messages:
        if len(first) >= _BYTES or _is_answer(message):
            break
        first += message
    return blake2b(first[:_BYTES], digest_size=12).hexdigest() if first else ""


def _is_answer(message: Raw) -> bool:
    try:
        members = msgspec.json.decode(message, type=dict[str, Raw])
    except msgspec.DecodeError:
        return False
    return bytes(members.get("role", Raw(b""))) == b'"assistant"'
