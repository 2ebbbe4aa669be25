"""How long an answer may get, where the model's configuration says so: a default, and a cap (A000-18)."""

import msgspec

from gateway.errors import InvalidRequest
from gateway.openai_api.call import Call
from gateway.openai_api.operations import CHAT, COMPLETIONS
from gateway.routing.types import Route

_FIELDS = ("max_tokens", "max_completion_tokens")


def bound_tokens(call: Call, route: Route) -> Call:
    """The call with the model's default, where it says nothing itself. Raises InvalidRequest above the cap, and for
    a negative number, which means "unlimited" to some providers."""
    if (route.max_tokens is None and route.default_max_tokens is None) or call.operation not in (CHAT, COMPLETIONS):
        return call
    document = call.document()
    asked = [(name, _number(name, document[name])) for name in _FIELDS if name in document]
    for name, number in asked:
        if number is not None and route.max_tokens is not None and not 0 <= number <= route.max_tokens:
            message = (
                f"'{name}' is {number}: the model '{route.id}' answers with at most {route.max_tokens} tokens here."
            )
            raise InvalidRequest(message, param=name)
    if any(number is not None for _, number in asked):
        return call
    wanted = str(route.default_max_tokens or route.max_tokens).encode()
    return call.replaced(body=call.body.rstrip()[:-1] + b',"max_tokens":' + wanted + b"}")


def _number(name: str, raw: msgspec.Raw) -> int | None:
    try:
        return msgspec.json.decode(raw, type=int | None)
    except msgspec.DecodeError:
        raise InvalidRequest(f"'{name}' must be a whole number.", param=name, code="invalid_type") from None
