"""What an upstream's failure means: one table from its status and body to our errors. Called by every adapter."""

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from gateway.errors import (
    GatewayError,
    UpstreamBadResponse,
    UpstreamCredentials,
    UpstreamEndpointMissing,
    UpstreamModelMissing,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamServerError,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.providers.redact import redact

_FIXED: dict[int, tuple[type[GatewayError], str]] = {
    401: (UpstreamCredentials, "The provider refused the gateway's credentials."),
    402: (UpstreamQuota, "The provider's quota or balance is used up."),
    403: (UpstreamCredentials, "The provider refused the gateway's credentials."),
    408: (UpstreamTimeout, "The provider gave up waiting."),
    429: (UpstreamRateLimited, "The provider limits the rate of requests or is overloaded."),
    503: (UpstreamUnavailable, "The provider has no capacity now."),
    504: (UpstreamTimeout, "The provider did not answer in time."),
    524: (UpstreamTimeout, "The provider did not answer in time."),
    529: (UpstreamUnavailable, "The provider is overloaded."),
}
"""Statuses with a constant text: the provider's own words would tell the caller about our account."""

_REFUSALS = (400, 403)
_MAX_WAIT = 7 * 86_400.0
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{1,63}")
_TITLE = re.compile(r"<title[^>]*>([^<]{1,200})", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"maximum (?:context|model|input|prompt) length|max_model_len|context[ _](?:length|window|size)"
    r"|(?:prompt|input) is too long|too many tokens|input token count|`inputs` tokens",
    re.IGNORECASE,
)
"""How vLLM, SGLang, llama.cpp and others say that the prompt does not fit."""
_TOO_LONG_CODE = "context_length_exceeded"
_MODEL = re.compile(r"\bmodels?\b", re.IGNORECASE)
_MODEL_CODES = frozenset({"model_not_found", "model_decommissioned"})
_NO_MODEL = re.compile(r"not a valid model|^invalid model:|model not exist", re.IGNORECASE)
"""How some say with another status than 404 that they do not have the model, or not for this account."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """An error body as far as it was understood. `text` is for people, `said` also holds an HTML page's title."""

    text: str = ""
    said: str = ""
    code: str | None = None
    param: str | None = None
    status: int | None = None
    reset: float | None = None
    """When a quota returns, as `time.time()`."""


def failure(status: int, headers: Mapping[str, str], body: bytes, secrets: Iterable[str] = ()) -> GatewayError:
    """The error for an answer that is not a success."""
    complaint = read_complaint(body)
    secrets = tuple(secrets)
    said = redact(complaint.said, secrets) or None
    wait = _retry_after(headers, complaint)
    if status == 429 and complaint.code == "insufficient_quota":
        status = 402
    if status in _REFUSALS and (complaint.code in _MODEL_CODES or _NO_MODEL.search(complaint.text)):
        return UpstreamModelMissing(redact(complaint.text, secrets), param="model", upstream=said)
    if status in _FIXED:
        kind, text = _FIXED[status]
        return kind(text, retry_after=wait, upstream=said)
    if status == 404:
        return _missing(complaint, secrets, said)
    if 400 <= status < 500:
        text = redact(complaint.text, secrets) or f"The provider refused the request (status {status})."
        code = _TOO_LONG_CODE if _too_long(complaint) else complaint.code
        return UpstreamRefused(text, status=status, code=code, param=complaint.param, upstream=said)
    if status >= 500:
        return UpstreamServerError(f"The provider failed (status {status}).", retry_after=wait, upstream=said)
    return UpstreamBadResponse(f"The provider answered with an unexpected status ({status}).", upstream=said)


def failure_inside(body: bytes, secrets: Iterable[str] = ()) -> GatewayError:
    """The error for an error object that came with status 200, whole or as an event."""
    complaint = read_complaint(body)
    status = complaint.status or (400 if _too_long(complaint) else None)
    if status is not None:
        return failure(status, {}, body, secrets)
    return UpstreamBadResponse(
        "The provider answered with an error.", upstream=redact(complaint.said, tuple(secrets)) or None
    )


def read_complaint(body: bytes) -> Complaint:
    """Understands OpenAI's, FastAPI's, vLLM's, Google's and Chutes' shapes, HTML pages and plain text."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _plain(body)
    if isinstance(document, str):
        return Complaint(document, document)
    if isinstance(document, list) and document:
        document = document[0]
    if not isinstance(document, dict):
        return Complaint()
    inner = document.get("error")
    if inner is None:
        inner = document.get("detail")
    if inner is None:
        inner = document
    if isinstance(inner, str):
        return Complaint(inner, inner)
    if isinstance(inner, list):
        text = "; ".join(_validation(item) for item in inner[:5])
        return Complaint(text, text)
    return _structured(inner) if isinstance(inner, dict) else Complaint()


def _structured(inner: dict[str, Any]) -> Complaint:
    text = inner.get("message") or inner.get("detail") or inner.get("error") or ""
    text = text if isinstance(text, str) else orjson.dumps(text).decode()
    code, param = inner.get("code"), inner.get("param")
    return Complaint(
        text,
        text,
        code if isinstance(code, str) and _CODE.fullmatch(code) else None,
        param if isinstance(param, str) and len(param) <= 100 else None,
        _status(code) or _status(inner.get("status")) or _status(inner.get("status_code")),
        _moment(inner.get("quota_reset_timestamp")),
    )


def _too_long(complaint: Complaint) -> bool:
    return complaint.code == _TOO_LONG_CODE or _TOO_LONG.search(complaint.text) is not None


def _status(value: object) -> int | None:
    if isinstance(value, str) and len(value) == 3 and value.isdecimal():
        value = int(value)
    return value if isinstance(value, int) and 400 <= value <= 599 else None


def _plain(body: bytes) -> Complaint:
    text = body[:4000].decode("utf-8", "replace").strip()
    if text.startswith("<"):
        title = _TITLE.search(text)
        return Complaint("", title[1].strip() if title else "an HTML page")
    return Complaint(text[:500], text)


def _validation(item: object) -> str:
    """One entry of FastAPI's list: `{"loc": ["body", "messages"], "msg": "Field required"}`."""
    if not isinstance(item, dict):
        return str(item)
    where = item.get("loc")
    place = ".".join(str(part) for part in where if part != "body") if isinstance(where, list) else ""
    return f"{place}: {item.get('msg', '')}" if place else str(item.get("msg", ""))


def _missing(complaint: Complaint, secrets: tuple[str, ...], said: str | None) -> GatewayError:
    if complaint.code == "model_not_found" or _MODEL.search(complaint.text):
        return UpstreamModelMissing(redact(complaint.text, secrets), param="model", upstream=said)
    return UpstreamEndpointMissing("The provider does not have this endpoint (status 404).", upstream=said)


def _retry_after(headers: Mapping[str, str], complaint: Complaint) -> float | None:
    """Seconds to wait: the header in either form, or until the quota returns."""
    wait: float | None = None
    if milliseconds := _number(headers.get("retry-after-ms")):
        wait = milliseconds / 1000
    elif value := headers.get("retry-after"):
        wait = _number(value)
        if wait is None:
            moment = _moment(value)
            wait = moment - time.time() if moment is not None else None
    if wait is None and complaint.reset is not None:
        wait = complaint.reset - time.time()
    return min(max(wait, 0.0), _MAX_WAIT) if wait is not None else None


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < float("inf") else None


def _moment(value: object) -> float | None:
    """Unix seconds or milliseconds, ISO 8601, or an HTTP date."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value / 1000 if value > 1e11 else float(value)
    if not isinstance(value, str):
        return None
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(value)
        except (ValueError, OverflowError):
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return None
