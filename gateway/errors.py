"""The one tree of errors. A class carries its HTTP status, OpenAI `type` and `code`, and what routing may do next.

Raised anywhere in the gateway, turned into bytes only by `render` (called by the HTTP layer).
"""

import json
import math
from collections.abc import Sequence
from typing import Any, ClassVar


class GatewayError(Exception):
    """A refusal or failure the caller is told about.

    `message` is shown to the caller: it must hold no secret, no prompt and no internal address.
    `param` names the offending request field; `retry_after` is in seconds.
    `upstream` keeps the provider's own words for the log and, where safe, the message.
    `headers` go with the answer, besides those that every error has.
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = "api_error"
    code: ClassVar[str | None] = "internal_error"
    retryable: ClassVar[bool] = False
    """Another target may succeed."""
    passes: ClassVar[bool] = False
    """The same target may succeed a moment later."""
    counts_against_target: ClassVar[bool] = False
    """The target is to blame, so its health suffers."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
        upstream: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after = retry_after
        self.upstream = upstream
        self.headers = tuple(headers)
        self.http_status = status or self.status
        self.error_code = code or self.code

    def body(self) -> dict[str, Any]:
        """The OpenAI error object: `{"error": {"message", "type", "param", "code"}}`."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.error_code}}


# --- the caller's mistakes -------------------------------------------------------------------------------


class InvalidRequest(GatewayError):
    """A field is missing or wrong; `param` says which and the message says what would be right."""

    status, type, code = 400, "invalid_request_error", "invalid_value"


class InvalidJSON(InvalidRequest):
    code = "invalid_json"


class InvalidImage(InvalidRequest):
    """Too large, unknown format or refused address. Source of the code: acceptance row A002-18."""

    code = "image_validation_failed"

    def body(self) -> dict[str, Any]:
        return {"error": {"message": self.message, "type": self.type, "code": self.error_code}}


class Unauthenticated(GatewayError):
    """One text for missing, wrong, disabled and expired keys, so that none can be told from another."""

    status, type, code = 401, "authentication_error", "invalid_api_key"


class ModelNotAllowed(GatewayError):
    status, type, code = 403, "permission_error", "model_not_allowed"


class Forbidden(GatewayError):
    """Who this is may not do that: a role, an address or a missing CSRF token is in the way."""

    status, type, code = 403, "permission_error", "forbidden"


class ConfidentialityUnmet(GatewayError):
    """Nobody who may be asked meets what the settings, the key, the model or the caller demand; another target may."""

    status, type, code, retryable = 403, "permission_error", "confidentiality_unmet", True


class NotFound(GatewayError):
    status, type, code = 404, "invalid_request_error", "not_found"


class ModelNotFound(NotFound):
    code = "model_not_found"


class MethodNotAllowed(GatewayError):
    status, type, code = 405, "invalid_request_error", "method_not_allowed"


class Conflict(GatewayError):
    """It is in the way of something that exists: a taken id, or things that depend on what would be deleted."""

    status, type, code = 409, "invalid_request_error", "conflict"


class Outdated(GatewayError):
    """Somebody else changed it since it was read (`If-Match` names another version)."""

    status, type, code = 412, "invalid_request_error", "outdated"


class RequestTimeout(GatewayError):
    """The body came too slowly."""

    status, type, code = 408, "invalid_request_error", "request_timeout"


class TooLarge(GatewayError):
    status, type, code = 413, "invalid_request_error", "request_too_large"


class UnsupportedMedia(GatewayError):
    status, type, code = 415, "invalid_request_error", "unsupported_media_type"


class HeadTooLarge(GatewayError):
    """The request line and its headers are larger, or more, than any client needs."""

    status, type, code = 431, "invalid_request_error", "headers_too_large"


class RateLimited(GatewayError):
    """The key, its user or everybody together asks too much at a time; `retry_after` says when there is room."""

    status, type, code = 429, "rate_limit_error", "rate_limit_exceeded"


class BudgetExceeded(GatewayError):
    """The request could cost more than is left of a budget."""

    status, type, code = 402, "insufficient_quota", "budget_exceeded"


# --- the gateway cannot serve it now ---------------------------------------------------------------------


class ConfigError(GatewayError):
    """The configuration cannot be used; raised at start, the message names file, line and key."""

    status, code = 500, "invalid_configuration"


class ProviderNotConfigured(GatewayError):
    status, type, code = 503, "service_unavailable_error", "provider_not_configured"


class UnsupportedOperation(ProviderNotConfigured):
    """This target cannot do what is asked; another target may."""

    retryable, code = True, "unsupported_operation"


class TargetsDrained(GatewayError):
    """People keep new requests from every target of the model."""

    status, type, code = 503, "service_unavailable_error", "targets_drained"


class EngineLoading(GatewayError):
    """A local model is still loading; `retry_after` is an estimate in seconds."""

    status, type, code, retryable = 503, "service_unavailable_error", "engine_loading", True


class EngineFailed(GatewayError):
    """A local model could not be started."""

    status, type, code, retryable = 503, "service_unavailable_error", "engine_failed", True


class Overloaded(GatewayError):
    status, type, code, retryable = 429, "rate_limit_error", "overloaded", True


class GatewayStopping(GatewayError):
    """The gateway ends, and the time for answers under way is over."""

    status, type, code = 503, "service_unavailable_error", "gateway_stopping"


class StorageUnavailable(GatewayError):
    """The database cannot be reached: nothing was written."""

    status, type, code = 503, "service_unavailable_error", "storage_unavailable"


class StorageFailed(GatewayError):
    """The database refused to write, as on a full disk: nothing was written."""

    status, type, code = 507, "api_error", "storage_failed"


# --- a provider failed -----------------------------------------------------------------------------------


class UpstreamError(GatewayError):
    """The provider failed; another may do better."""

    status, type, code = 502, "upstream_error", "upstream_error"
    retryable, passes, counts_against_target = True, True, True


class UpstreamUnreachable(UpstreamError):
    """Connecting failed or the connection broke before any byte of the answer."""

    code = "upstream_unreachable"


class UpstreamBadResponse(UpstreamError):
    """Cut, garbage, wrong shape, too big, a redirect, or undecodable."""

    code = "upstream_bad_response"


class UpstreamTimeout(UpstreamError):
    """Silent past its deadline: never tried again on the same target, the next one may be."""

    status, code, passes = 504, "upstream_timeout", False


class DeadlinePassed(UpstreamTimeout):
    """The request's own time was up while a stream was lively: its target is not at fault, and nobody can help."""

    retryable, counts_against_target = False, False


class UpstreamEndpointMissing(UpstreamError):
    """The provider does not have the endpoint at all: asking again would change nothing."""

    code, passes, counts_against_target = "upstream_endpoint_missing", False, False


class UpstreamServerError(UpstreamError):
    """The provider answered 5xx."""

    code = "upstream_server_error"


class UpstreamUnavailable(UpstreamError):
    """The provider answered 503: cold, overloaded or in maintenance."""

    status, code = 503, "upstream_unavailable"


class UpstreamCold(UpstreamUnavailable):
    """No instance of the chute runs yet: the next target is asked while one starts, or it is waited for."""

    code, passes, counts_against_target = "upstream_cold", False, False


class UpstreamMaintenance(UpstreamUnavailable):
    """The chute is being worked on: asking again at once would change nothing."""

    code, passes = "upstream_maintenance", False


class UpstreamRateLimited(UpstreamError):
    status, type, code, counts_against_target = 429, "rate_limit_error", "rate_limit_exceeded", False


class UpstreamCredentials(UpstreamError):
    """The provider refused *our* key: the caller is not to blame and must not see why."""

    code, passes, counts_against_target = "upstream_credentials_refused", False, False


class UpstreamQuota(UpstreamError):
    """The provider wants money or quota (402)."""

    status, type, code = 402, "insufficient_quota", "insufficient_quota"
    passes, counts_against_target = False, False


class UpstreamModelMissing(UpstreamError):
    """The provider does not know the model; another target's provider may."""

    status, type, code = 404, "invalid_request_error", "model_not_found"
    passes, counts_against_target = False, False


class UpstreamRefused(GatewayError):
    """The provider found fault with the request (its 4xx): passed on as it is, never tried elsewhere."""

    status, type, code = 400, "invalid_request_error", "upstream_refused"


def render(error: GatewayError, request_id: str) -> tuple[int, list[tuple[str, str]], bytes]:
    """The HTTP form of an error: status, headers and JSON body. The only place that makes one."""
    headers = [("content-type", "application/json"), ("x-request-id", request_id), *error.headers]
    if error.retry_after is not None:
        headers.append(("retry-after", str(max(1, math.ceil(error.retry_after)))))
    return error.http_status, headers, json.dumps(error.body(), ensure_ascii=False).encode()


def render_event(error: GatewayError) -> bytes:
    """The form of an error inside a stream that has begun: one SSE event, never followed by `[DONE]`."""
    return b"data: " + json.dumps(error.body(), ensure_ascii=False).encode() + b"\n\n"
