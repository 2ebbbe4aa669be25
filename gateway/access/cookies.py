"""The session cookie, and the checks that a change was wanted by the page it seems to come from (CSRF)."""

import hashlib
import hmac
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from gateway.access.sessions import ABSOLUTE
from gateway.errors import Forbidden

_NAME = "gateway_session"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def cookie_name(secure: bool) -> str:
    """With TLS the prefix forbids other hosts of the domain to set it."""
    return f"__Host-{_NAME}" if secure else _NAME


def set_cookie(token: str, secure: bool) -> str:
    """The value of `Set-Cookie`. An empty token removes the cookie."""
    age = int(ABSOLUTE) if token else 0
    marks = f"Path=/; Max-Age={age}; HttpOnly; SameSite=Strict"
    return f"{cookie_name(secure)}={token}; {marks}{'; Secure' if secure else ''}"


def read_cookie(header: str, secure: bool) -> str:
    """The token in the header `Cookie`; empty where there is none. Two of one name are none: somebody planted one."""
    wanted = cookie_name(secure)
    pairs = (part.strip().partition("=") for part in header.split(";"))
    values = [value for name, _, value in pairs if name == wanted]
    return values[0] if len(values) == 1 else ""


def csrf_token(token: str) -> str:
    """Bound to the session: whoever cannot read the page cannot know it. Shown at login and by `me`."""
    return hmac.new(token.encode("utf-8", "surrogatepass"), b"csrf", hashlib.sha256).hexdigest()


def check_csrf(method: str, token: str, presented: str) -> None:
    """`presented` is `X-CSRF-Token`. Raises Forbidden (`csrf_failed`) for a change without the session's own."""
    expected = csrf_token(token).encode()
    if method not in _SAFE and not hmac.compare_digest(expected, presented.encode("utf-8", "surrogatepass")):
        raise Forbidden("Send the session's CSRF token as X-CSRF-Token.", code="csrf_failed")


def check_origin(method: str, headers: Mapping[str, str], allowed: Collection[str] = (), upgrade: bool = False) -> None:
    """Refuses changes, logins and WebSockets (`upgrade`) that another site's page sends. `headers` have small names.

    `allowed` are further origins, such as CORS_ORIGINS. Without Origin and Sec-Fetch-Site it was no modern browser,
    and the cookie alone does not come from another site. Raises Forbidden (`csrf_failed`).
    """
    if method in _SAFE and not upgrade:
        return
    origin = headers.get("origin")
    if origin is not None:
        if origin not in allowed and urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
            raise Forbidden("Another site may not do this.", code="csrf_failed")
        return
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise Forbidden("Another site may not do this.", code="csrf_failed")
