"""Where the caller wrote what a chat completion holds, so that errors found in it name the caller's own fields."""

import re
from collections.abc import Mapping
from copy import copy
from typing import Any

from gateway.errors import GatewayError

_PLACE = re.compile(r"\bmessages(?:\.?\[(\d+)\]|\.(\d+))(?:\.content(?:\.?\[(\d+)\]|\.(\d+)))?")
_FIELD = re.compile(r"[a-z_]+")


class Placed(dict[str, Any]):
    """A message of the chat, or a part of one, and the `place` in the request that it was made of."""

    __slots__ = ("place",)

    def __init__(self, place: str, document: Mapping[str, Any]) -> None:
        super().__init__(document)
        self.place = place


class Places:
    """Those of one chat. `fields` are its fields that the caller's API calls otherwise."""

    def __init__(self, chat: Mapping[str, Any], fields: Mapping[str, str]) -> None:
        self._fields = fields
        self._messages = [(_place(message), _parts(message)) for message in chat["messages"]]

    def named(self, error: GatewayError) -> GatewayError:
        """The same error in the caller's words."""
        message, param = _PLACE.sub(self._found, error.message), error.param
        if param is not None and (place := _PLACE.match(param)):
            param = self._found(place)
            message = message if param in message else f"{param}: {message}"
        elif param is not None and (field := _FIELD.match(param)) and field[0] in self._fields:
            param = self._fields[field[0]]
            message = message.replace(f"'{field[0]}'", f"'{param}'")
        named = copy(error)
        named.message, named.param, named.args = message, param, (message,)
        return named

    def _found(self, match: re.Match[str]) -> str:
        message, part = (next((int(n) for n in match.groups()[at : at + 2] if n), None) for at in (0, 2))
        everything = self._fields.get("messages", "messages")
        if message is None or message >= len(self._messages):
            return everything
        place, parts = self._messages[message]
        return (parts.get(part) if part is not None else None) or place or everything


def _place(document: Any) -> str:
    return document.place if isinstance(document, Placed) else ""


def _parts(message: Mapping[str, Any]) -> dict[int | None, str]:
    """The places of a message's parts."""
    content = message.get("content")
    if not isinstance(content, list):
        return {}
    return {n: part.place for n, part in enumerate(content) if isinstance(part, Placed)}
