"""Takes credentials and loopback addresses out of what an upstream said, before anybody reads it."""

import re
from collections.abc import Iterable

_SECRETS = re.compile(
    r"cpk_[0-9A-Za-z._\-]{6,}"
    r"|\b(?:sk|rk|pk|key|xai|gsk|hf|pplx|nvapi|csk|AIza)[-_][0-9A-Za-z._\-]{6,}"
    r"|\bAIza[0-9A-Za-z_\-]{20,}"
    r"|(?i:\b(?:bearer|basic)\s+)[0-9A-Za-z._~+/=\-*]{6,}"
)
_LOOPBACK = re.compile(r"(?:https?://)?(?:127(?:\.\d+){3}|localhost|\[::1\])(?::\d+)?(?:/[\w./\-]*)?")
MAX_TEXT = 2000


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """At most `MAX_TEXT` characters on one line, without control characters, without `secrets` (those of 8 characters
    and more) and what looks like one."""
    for secret in secrets:
        if len(secret) >= 8:
            text = text.replace(secret, "[removed]")
    text = _SECRETS.sub("[removed]", text)
    text = _LOOPBACK.sub("[engine]", text)
    text = " ".join("".join(c if c.isprintable() else " " for c in text[: 2 * MAX_TEXT]).split())
    return text[:MAX_TEXT]
