"""Texts that come whole: told apart from errors, pages and garbage before anybody sees them as an answer."""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from gateway.errors import UpstreamBadResponse
from gateway.openai_api.call import Usage
from gateway.openai_api.operations import CHAT, COMPLETIONS, Operation
from gateway.providers.failures import (
    ABSENT,
    failure_inside,
    failure_instead,
    failure_of_choice,
    failure_of_prompt,
    is_told,
)
from gateway.providers.usage import read_usage


class _Choice(msgspec.Struct):
    message: msgspec.Raw = ABSENT
    text: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT
    finish_reason: str | None = None
    native_finish_reason: str | None = None


class _Reply(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


_decode = msgspec.json.Decoder(_Reply).decode
_HOLDS: Mapping[str, Callable[[_Choice], bool]] = {
    CHAT.name: lambda choice: bytes(memoryview(choice.message)[:1]) == b"{",
    COMPLETIONS.name: lambda choice: choice.text is not ABSENT,
}
"""Whether a choice has what was asked for."""


def check_reply(operation: Operation, body: bytes, secrets: Iterable[str] = ()) -> Usage | None:
    """Raises what an answer that is none means; returns its usage where it tells."""
    try:
        if not body.isascii():
            body.decode()
        reply = _decode(body)
    except msgspec.ValidationError:
        raise failure_instead(body, _shapeless(), secrets) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamBadResponse("The provider's answer is not a JSON object.") from None
    if is_told(reply.error):
        raise failure_inside(body, secrets)
    if not reply.choices:
        raise failure_of_prompt(body) or failure_instead(body, _shapeless(), secrets)
    holds = _HOLDS[operation.name]
    for choice in reply.choices:
        reasons = choice.finish_reason, choice.native_finish_reason
        if (broken := failure_of_choice(choice.error, reasons, secrets)) is not None:
            raise broken
        if not holds(choice):
            raise failure_instead(body, _shapeless(), secrets)
    return read_usage(reply.usage) if reply.usage is not ABSENT else None


def _shapeless() -> UpstreamBadResponse:
    return UpstreamBadResponse("The provider's answer has no usable 'choices'.")
