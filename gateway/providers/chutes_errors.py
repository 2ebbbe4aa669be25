"""What a failure at Chutes means, in clear words: the platform says different things with one status. Pure; called by
the dialect `chutes`. Source of the words: the platform's published API source, as read."""

import re
import time
from datetime import UTC, datetime

from gateway.errors import (
    GatewayError,
    UpstreamCold,
    UpstreamCredentials,
    UpstreamEndpointMissing,
    UpstreamMaintenance,
    UpstreamModelMissing,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamServerError,
    UpstreamTimeout,
    UpstreamUnavailable,
)

EDGE_SECONDS = 600
"""After which Chutes' edge ends a request that is still going on."""

_COLD = re.compile(r"no instances? available|cold|starting up", re.IGNORECASE)
_MAINTENANCE = re.compile(r"maintenance", re.IGNORECASE)
_NO_CHUTE = re.compile(r"no matching chute|chute not found|model not found", re.IGNORECASE)
_BALANCE = re.compile(r"balance|top up", re.IGNORECASE)


def clarified(error: GatewayError, model: str) -> GatewayError:
    """The same error, or one that says more of it."""
    said = error.upstream or ""
    if isinstance(error, (UpstreamRateLimited, UpstreamUnavailable)) and _MAINTENANCE.search(said):
        text = f"'{model}' is under maintenance at Chutes."
        return UpstreamMaintenance(text, retry_after=error.retry_after, upstream=error.upstream)
    if isinstance(error, UpstreamUnavailable) and not isinstance(error, UpstreamCold) and _COLD.search(said):
        return UpstreamCold(f"No instance of '{model}' runs at Chutes yet.", upstream=error.upstream)
    if isinstance(error, UpstreamEndpointMissing) and _NO_CHUTE.search(said):
        return UpstreamModelMissing(f"Chutes has no '{model}', or not for this account.", param="model", upstream=said)
    if text := _words(error, model, said):
        error.message = text
    return error


def _words(error: GatewayError, model: str, said: str) -> str:
    """What is said in place of the general text; empty where that will do."""
    match error:
        case UpstreamQuota():
            return _quota(error, said)
        case UpstreamCredentials():
            return "Chutes refused the gateway's key."
        case UpstreamRateLimited():
            return f"All instances of '{model}' at Chutes are busy, or the account sends too much at a time."
        case UpstreamUnavailable():
            return f"Chutes has no capacity for '{model}' now."
        case UpstreamEndpointMissing():
            return f"The chute of '{model}' does not have this endpoint."
        case UpstreamServerError():
            return f"Chutes' infrastructure or the chute of '{model}' failed{_status(error)}."
        case UpstreamTimeout() if "504" in said or "gateway time" in said.lower() or "html" in said.lower():
            return (
                f"Chutes ended the request to '{model}' before it was answered, as its edge does after about"
                f" {EDGE_SECONDS} s: ask for a stream, or for less."
            )
    return ""


def _quota(error: UpstreamQuota, said: str) -> str:
    if error.retry_after:
        until = datetime.fromtimestamp(time.time() + error.retry_after, UTC)
        return f"The gateway's quota at Chutes is used up until {until:%Y-%m-%d %H:%M} UTC."
    what = "balance" if _BALANCE.search(said) else "quota"
    return f"The gateway's {what} at Chutes is used up."


def _status(error: GatewayError) -> str:
    found = re.search(r"\(status \d+\)", error.message)
    return f" {found[0]}" if found else ""
