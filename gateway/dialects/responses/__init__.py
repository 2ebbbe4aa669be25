"""OpenAI's Responses API, stateless: `POST /v1/responses`."""

from typing import Any

import orjson

from gateway.dialects.base import Dialect, Rendered, event
from gateway.dialects.responses.request import ResponsesTranslation
from gateway.errors import GatewayError, render


def _error(error: GatewayError) -> dict[str, Any]:
    """With the field, where there is one: chats tell none of pictures."""
    return {**error.body()["error"], "param": error.param}


def _render(error: GatewayError, request_id: str) -> Rendered:
    status, headers, _ = render(error, request_id)
    return status, headers, orjson.dumps({"error": _error(error)})


def _render_event(error: GatewayError, _: str) -> bytes:
    """OpenAI's own event has the fields at its top; its clients raise for the object `error`."""
    told = _error(error)
    own = {name: told[name] for name in ("code", "message", "param")}
    return event("error", {**own, "sequence_number": 0, "error": told})


RESPONSES = Dialect("/v1/responses", ResponsesTranslation, _render, _render_event)
