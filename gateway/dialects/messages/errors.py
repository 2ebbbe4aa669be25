"""Errors in the shape of Anthropic's API. Source of the types: its reference, "Errors"."""

import json
import re
from typing import Any

from gateway.dialects.base import Rendered, event
from gateway.errors import GatewayError, render

_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}

ID_HEADER = "request-id"

_LIMIT = re.compile(r"(?:context|model) length\D{1,20}(\d{1,9})|(?:token limit: |input length of )(\d{1,9})")
_INPUT = re.compile(
    r"(\d{1,9}) (?:input tokens|tokens from the input|in the (?:messages|prompt))"
    r"|(?:resulted in |input \()(\d{1,9}) tokens|requested: (\d{1,9})|nput length (\d{1,9}) exceeds"
)
_OUTPUT = re.compile(
    r"(\d{1,9}) (?:output tokens|tokens for the completion|in the (?:completion|output))|too large: (\d{1,9})"
)
_BOTH = re.compile(r"requested (?:about )?(\d{1,9}) tokens")
"""What vLLM, SGLang, OpenAI, OpenRouter, Kimi and Poolside say of a request that is too long for its model, as of
2026-11."""


def render_error(error: GatewayError, request_id: str) -> Rendered:
    status, headers, _ = render(error, request_id)
    body = {"type": "error", "error": _told(error), "request_id": request_id}
    return status, [*headers, (ID_HEADER, request_id)], json.dumps(body, ensure_ascii=False).encode()


def render_error_event(error: GatewayError, request_id: str) -> bytes:
    return event("error", {"error": _told(error), "request_id": request_id})


def _told(error: GatewayError) -> dict[str, Any]:
    """With the code and field that all our errors have. Anthropic's clients read the code in `details`."""
    kind = _TYPES.get(error.http_status, "invalid_request_error" if error.http_status < 500 else "api_error")
    told = {"type": kind, "message": _message(error), "param": error.param, "code": error.error_code}
    return {**told, "details": {"error_code": error.error_code}} if error.error_code else told


def _message(error: GatewayError) -> str:
    """Of what is too long in Anthropic's words: by them clients know that they must shorten the conversation, or that
    it is enough to ask for fewer tokens."""
    if error.error_code != "context_length_exceeded":
        return error.message
    limit, sent, wanted = (_number(pattern, error.message) for pattern in (_LIMIT, _INPUT, _OUTPUT))
    if sent is None and wanted is not None and (both := _number(_BOTH, error.message)) is not None:
        sent = max(0, both - wanted)
    if not limit or not sent:
        return f"prompt is too long: {error.message}"
    if sent >= limit:
        return f"prompt is too long: {sent} tokens > {limit} maximum"
    if not wanted:
        return f"prompt is too long: {error.message}"
    return f"input length and `max_tokens` exceed context limit: {sent} + {wanted} > {limit}"


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    return int(next(filter(None, found.groups()))) if found else None
