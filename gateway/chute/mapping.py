"""What a status may be on the platform: only 200, 400 and 429 survive; all others count against the instance.

Source: platform-contract, fact 5 (seven failures in a row take an instance out).
"""

from typing import Any

import orjson

_WAITING_HELPS = frozenset({408, 425, 429})


def platform_status(status: int) -> int:
    """The caller's mistakes become 400, whose text reaches the caller; overload, timeouts and upstream failures 429,
    which the platform may try on another instance."""
    if status < 400:
        return 200
    return 429 if status >= 500 or status in _WAITING_HELPS else 400


def with_status(status: int, body: bytes) -> dict[str, Any]:
    """The OpenAI error object of a reply, with the true status inside (`error.status`)."""
    try:
        document = orjson.loads(body)
        error = document["error"]
        return {"error": {**error, "status": status}}
    except (ValueError, KeyError, TypeError):
        text = body[:500].decode(errors="replace") or "The gateway refused the request."
        return {"error": {"message": text, "type": "api_error", "param": None, "code": None, "status": status}}


def refusal(status: int, body: bytes) -> bytes:
    """The body of a 400 or 429 on the platform, which passes on what stands in `detail`."""
    return orjson.dumps({"detail": {**with_status(status, body), "status": status}})
