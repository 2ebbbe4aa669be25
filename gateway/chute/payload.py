"""Reads what the SDK leaves in `request.state` for a cord and makes a `DoorCall` of it. Called by the cords.

Shapes (platform-contract §2): `{"json", "params"}` on the platform, the bare body under `--dev` and for
end-to-end-encrypted calls, None for GET under `--dev`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson

from gateway.chute.door import DoorCall
from gateway.errors import InvalidJSON, InvalidRequest
from gateway.jobs.hooks import SECRET_HEADER, URL_HEADER
from gateway.openai_api.confidentiality import DATA_HEADER, TEE_HEADER

KEY_FIELD = "gw_key"
DEMAND_FIELDS = {
    "gw_tee": TEE_HEADER,
    "gw_data": DATA_HEADER,
    "gw_prefer": "prefer",
    "gw_webhook": URL_HEADER,
    "gw_webhook_secret": SECRET_HEADER,
}
"""Fields that stand for the headers by which a caller asks for confidentiality or a job; none arrives here."""


@dataclass(frozen=True, slots=True)
class Payload:
    """`body` is any JSON value or None; `params` are the query parameters as text."""

    body: Any
    params: Mapping[str, str]

    @property
    def streams(self) -> bool:
        """How the platform will read the reply: the truthiness of `stream` in the body, else in the query.
        Source: `_invoke` of the public API (invocation/router.py)."""
        if isinstance(self.body, Mapping) and "stream" in self.body:
            return bool(self.body["stream"])
        return bool(self.params.get("stream", False))


def unwrap(decrypted: Any, query: Mapping[str, str], *, wrapped: bool) -> Payload:
    """`wrapped`: the call came through the platform, which sends query parameters beside the body."""
    if wrapped and isinstance(decrypted, dict) and "json" in decrypted and "params" in decrypted:
        params = decrypted["params"] if isinstance(decrypted["params"], dict) else {}
        return Payload(decrypted["json"], {str(name): str(value) for name, value in params.items()})
    return Payload(decrypted, query)


def door_call(method: str, path: str, payload: Payload, *, trusted: bool) -> DoorCall:
    """The gateway key and the fields that stand for headers are taken out of body and query. Raises InvalidRequest."""
    params = dict(payload.params)
    key: Any = params.pop(KEY_FIELD, None)
    demands: dict[str, Any] = {name: params.pop(name) for name in DEMAND_FIELDS if name in params}
    body = b""
    if method == "GET":
        if isinstance(payload.body, dict):
            key = payload.body.get(KEY_FIELD, key)
    else:
        if not isinstance(payload.body, dict):
            raise InvalidRequest("The body must be a JSON object.", code="invalid_type")
        fields = dict(payload.body)
        key = fields.pop(KEY_FIELD, key)
        asked = {name: fields.pop(name) for name in DEMAND_FIELDS if name in fields}
        demands |= {name: word for name, word in asked.items() if word is not None}
        body = _encode(fields)
    headers = tuple((DEMAND_FIELDS[name], _word(name, word)) for name, word in demands.items())
    return DoorCall(method, path, urlencode(params).encode(), body, _checked(key), trusted, headers)


def _word(name: str, given: Any) -> str:
    if not isinstance(given, str) or not given.isascii() or not given.isprintable():
        raise InvalidRequest(f"'{name}' must be a word of text.", param=name, code="invalid_type")
    return given


def _checked(key: Any) -> str | None:
    if key is None:
        return None
    if not isinstance(key, str) or not key.isascii() or not key.isprintable():
        raise InvalidRequest(f"'{KEY_FIELD}' must be a gateway key.", param=KEY_FIELD, code="invalid_type")
    return key


def _encode(fields: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(fields)
    except (TypeError, RecursionError):
        raise InvalidJSON("The body holds values that JSON cannot carry, or is nested too deeply.") from None
