"""What an upstream's failure means: one table from its status and body to our errors. Called by every adapter."""

import codecs
import re
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
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
    r"|(?:prompt|input) is too long|too many tokens|(?:input|prompt) token count|`inputs` tokens|model token limit"
    r"|prompt exceeds max length|range of input length|maximum allowed input length",
    re.IGNORECASE,
)
"""How vLLM, SGLang, llama.cpp, Kimi, Z.ai, Qwen and others say that the prompt does not fit."""
_TOO_LONG_CODE = "context_length_exceeded"
_MODEL = re.compile(r"\bmodels?\b", re.IGNORECASE)
_MODEL_CODES = frozenset({"model_not_found", "model_decommissioned", "DeploymentNotFound"})
_NO_MODEL = re.compile(
    r"not a valid model|^invalid model:|model (?:does )?not exist|^unsupported model\b", re.IGNORECASE
)
"""How some say with another status than 404 that they do not have the model, or not for this account."""
_BAD_KEY = re.compile(r"(?:incorrect|invalid)(?: |%20)api(?: |%20)key|api key (?:not valid|expired)", re.IGNORECASE)
"""How xAI and Gemini say with 400 that they refuse the key. At the beginning of their words, where nothing of the
request can stand, or a caller could put keys away."""
_ENGINE_FAILED = re.compile(
    r"failed to load model|error loading model|the model has crashed|model (?:is )?unloaded", re.IGNORECASE
)
"""How LM Studio says with 400 that it failed."""
_NO_ENDPOINT = re.compile(r"the model does not support [\w ]+ api\b", re.IGNORECASE)
"""How vLLM says with 400 that a model is of another kind."""
_FLAGGED = re.compile(r"input was flagged|requires moderation|^content violates|^request blocked", re.IGNORECASE)
"""How OpenRouter and xAI say with 403 that it is the request that they refuse, not the key."""
_FLAGGED_CODE = "content_policy_violation"
_RATE_CODE = "rate_limit_exceeded"
_UNREADABLE = frozenset({"json_validate_failed", "output_parse_failed", "tool_use_failed"})
"""How Groq says with 400 that it could not read what its model answered."""
_QUOTA = frozenset({"insufficient_quota", "exceeded_current_quota_error", "Arrearage"})
"""How OpenAI and Moonshot say with 429, and Alibaba with 400, that no waiting helps, as `code` or `type`."""
_NO_MONEY = re.compile(
    r"insufficient (?:account )?balance|no (?:remaining )?credits?\b|余额不足|您的账户已欠费", re.IGNORECASE
)
"""At the beginning of their words, as for `_BAD_KEY`. In Chinese, as bigmodel.cn says it."""
_SECONDS = re.compile(r"\s*(\d+(?:\.\d+)?)\s*s?\s*(?:,|$)")
"""A wait: the first where several were told, perhaps with its unit."""
_FILTERED = re.compile(rb'"filtered"\s*:\s*true|"block_?[rR]eason"\s*:\s*"([A-Z_]+)"')
"""How Azure and Gemini say of a prompt that they refuse it, with status 200."""
_FILTER_CODE = "content_filter"

BROKEN = frozenset({"error", "abort", "network_error", "insufficient_system_resource"})
"""Of the `finish_reason`s those that end an answer before its end for a fault of the provider: of OpenRouter, Mistral
and vLLM; of vLLM and SGLang; of Z.ai; of DeepSeek."""
_TELLING = (b'"error"', b'"detail"', b'"msg"')
"""Members of what is an error, and of no answer."""
ABSENT = msgspec.Raw(b"")
_NOTHING = (b"", b"null", b"{}", b'""', b"false")


class FailedGeneration(UpstreamBadResponse):
    """The model did not keep to the tools or the format of its answer. Another try may do better, and no target is
    worse for it."""

    counts_against_target = False


@dataclass(frozen=True, slots=True)
class Complaint:
    """An error body as far as it was understood. `text` is for people, `said` also holds an HTML page's title."""

    text: str = ""
    said: str = ""
    code: str | None = None
    type: str | None = None
    param: str | None = None
    status: int | None = None
    reset: float | None = None
    """When a quota returns, as `time.time()`."""
    behind: bytes = b""
    """The body of the provider behind this one, as OpenRouter passes it on."""


def failure(status: int, headers: Mapping[str, str], body: bytes, secrets: Iterable[str] = ()) -> GatewayError:
    """The error for an answer that is not a success."""
    complaint = read_complaint(body)
    secrets = tuple(secrets)
    said = redact(complaint.said, secrets) or None
    wait = _retry_after(headers, complaint)
    if status in _REFUSALS and (complaint.code in _MODEL_CODES or _NO_MODEL.search(complaint.text)):
        return UpstreamModelMissing(redact(complaint.text, secrets), param="model", upstream=said)
    if status == 403 and (complaint.code == _FLAGGED_CODE or _FLAGGED.search(complaint.text)):
        text = "The provider's moderation refused the request."
        return UpstreamRefused(text, status=403, code=_FLAGGED_CODE, upstream=said)
    if status == 400 and complaint.code in _UNREADABLE:
        text = f"The model's answer could not be read: {redact(complaint.text, secrets)}"
        return FailedGeneration(text, code=complaint.code, upstream=said)
    status = _meant(status, complaint)
    if status in _FIXED:
        kind, text = _FIXED[status]
        return kind(text, retry_after=wait, upstream=said)
    if status == 404:
        return _missing(complaint, secrets, said)
    if status in (405, 501) or (status == 400 and _NO_ENDPOINT.match(complaint.text)):
        return _no_endpoint(status, said)
    if status >= 500 or (status == 400 and _ENGINE_FAILED.match(complaint.text)):
        return UpstreamServerError(f"The provider failed (status {status}).", retry_after=wait, upstream=said)
    if status >= 400:
        text = redact(complaint.text, secrets) or f"The provider refused the request (status {status})."
        code = _TOO_LONG_CODE if _too_long(complaint) else complaint.code
        return UpstreamRefused(text, status=status, code=code, param=complaint.param, upstream=said)
    return UpstreamBadResponse(f"The provider answered with an unexpected status ({status}).", upstream=said)


def _meant(status: int, complaint: Complaint) -> int:
    """The status that a failure should have come with."""
    unpaid = _QUOTA.intersection((complaint.code, complaint.type)) or _NO_MONEY.match(complaint.text)
    if status in (400, 429) and unpaid:
        return 402
    if status == 413 and complaint.code == _RATE_CODE:  # Groq's, for more tokens than it takes a minute
        return 429
    if status == 498 and complaint.code == "capacity_exceeded":  # Groq's, too
        return 503
    if status == 424 and "MCP" not in complaint.text:  # of text-generation-inference, whose model failed
        return 500
    return 401 if status == 400 and _BAD_KEY.match(complaint.text) else status


def failure_inside(body: bytes, secrets: Iterable[str] = ()) -> GatewayError:
    """The error for an error object that came with status 200, whole or as an event."""
    complaint = read_complaint(body)
    status = complaint.status or (400 if _too_long(complaint) else None)
    if status is not None:
        return failure(status, {}, body, secrets)
    return UpstreamBadResponse(
        "The provider answered with an error.", upstream=redact(complaint.said, tuple(secrets)) or None
    )


def is_told(error: msgspec.Raw) -> bool:
    """Whether a member that tells of errors tells of one."""
    return error is not ABSENT and bytes(error) not in _NOTHING


def failure_of_choice(
    error: msgspec.Raw, reasons: Collection[str | None], secrets: Iterable[str]
) -> GatewayError | None:
    """The error for one of the `choices` that broke off, by what it tells itself, as OpenRouter's do, else by the
    reason that it gives for its end. None for one that did not."""
    if is_told(error):
        return failure_inside(bytes(error), secrets)
    if BROKEN.isdisjoint(reasons):
        return None
    reason = next(reason for reason in reasons if reason in BROKEN)
    return UpstreamBadResponse(f"The provider broke the answer off: '{reason}'.")


def failure_instead(body: bytes, otherwise: GatewayError, secrets: Iterable[str] = ()) -> GatewayError:
    """The error for an answer that came with status 200 and could not be understood: what it says, else `otherwise`."""
    return failure_inside(body, secrets) if any(mark in body for mark in _TELLING) else otherwise


def failure_of_prompt(body: bytes) -> GatewayError | None:
    """The error for a prompt that a filter refused, told without any of the `choices`; None where it tells no such."""
    found = _FILTERED.search(body)
    if found is None:
        return None
    reason = found[1].decode() if found[1] else None
    return UpstreamRefused("The provider's content filter refused the prompt.", code=_FILTER_CODE, upstream=reason)


def read_complaint(body: bytes) -> Complaint:
    """Understands OpenAI's, FastAPI's, vLLM's, Google's and Chutes' shapes, HTML pages and plain text. What a provider
    behind OpenRouter said stands in place of OpenRouter's words, which are the same for everything."""
    complaint = _read(body)
    if not complaint.behind:
        return complaint
    inner = _read(complaint.behind)
    return replace(
        complaint,
        text=inner.text or complaint.text,
        said=f"{complaint.said}: {inner.said}",
        code=complaint.code or inner.code,
        param=complaint.param or inner.param,
    )


def _read(body: bytes) -> Complaint:
    try:
        document = orjson.loads(body.removeprefix(codecs.BOM_UTF8))
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
        text = _validations(inner)
        return Complaint(text, text)
    return _structured(inner) if isinstance(inner, dict) else Complaint()


def _structured(inner: dict[str, Any]) -> Complaint:
    text = inner.get("message") or inner.get("detail") or inner.get("error") or inner.get("msg") or ""
    if isinstance(text, dict) and isinstance(text.get("detail"), list):  # Mistral's
        text = _validations(text["detail"])
    text = text if isinstance(text, str) else orjson.dumps(text).decode()
    code, kind, param, metadata = inner.get("code"), inner.get("type"), inner.get("param"), inner.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    return Complaint(
        text,
        text,
        code if isinstance(code, str) and _CODE.fullmatch(code) else None,
        kind if isinstance(kind, str) else None,
        param.removeprefix("body.") if isinstance(param, str) and len(param) <= 100 else None,
        _status(code) or _status(inner.get("status")) or _status(inner.get("status_code")),
        _reset(inner.get("quota_reset_timestamp"), inner.get("details"), metadata.get("headers")),
        _behind(metadata.get("raw")),
    )


def _behind(raw: object) -> bytes:
    """As text or as the JSON that it was."""
    if isinstance(raw, str):
        return raw.encode("utf-8", "replace")
    return orjson.dumps(raw) if isinstance(raw, dict) else b""


def _reset(moment: object, details: object, headers: object) -> float | None:
    """When to come back, as Chutes tells it, Google (`"retryDelay": "34.5s"`) and OpenRouter (epoch milliseconds)."""
    if moment is not None:
        return _moment(moment)
    for item in details if isinstance(details, list) else ():
        delay = item.get("retryDelay") if isinstance(item, dict) else None
        if isinstance(delay, str) and (seconds := _number(delay.removesuffix("s"))) is not None:
            return time.time() + seconds
    reset = headers.get("X-RateLimit-Reset") if isinstance(headers, dict) else None
    return _moment(_number(reset)) if isinstance(reset, str) else None


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


def _validations(items: list[Any]) -> str:
    return "; ".join(_validation(item) for item in items[:5])


def _validation(item: object) -> str:
    """One entry of FastAPI's list: `{"loc": ["body", "messages"], "msg": "Field required"}`."""
    if not isinstance(item, dict):
        return str(item)
    where = item.get("loc")
    place = ".".join(str(part) for part in where if part != "body") if isinstance(where, list) else ""
    return f"{place}: {item.get('msg', '')}" if place else str(item.get("msg", ""))


def _missing(complaint: Complaint, secrets: tuple[str, ...], said: str | None) -> GatewayError:
    if complaint.code in _MODEL_CODES or _MODEL.search(complaint.text):
        return UpstreamModelMissing(redact(complaint.text, secrets), param="model", upstream=said)
    return _no_endpoint(404, said)


def _no_endpoint(status: int, said: str | None) -> GatewayError:
    return UpstreamEndpointMissing(f"The provider does not have this endpoint (status {status}).", upstream=said)


def _retry_after(headers: Mapping[str, str], complaint: Complaint) -> float | None:
    """Seconds to wait: the header in either form, or until the quota returns."""
    wait: float | None = None
    if milliseconds := _number(headers.get("retry-after-ms")):
        wait = milliseconds / 1000
    elif value := headers.get("retry-after"):
        wait = _number(seconds[1] if (seconds := _SECONDS.match(value)) else value)
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
