"""The first administrator: from UI_USERNAME and UI_PASSWORD, or set up with a one-time token from the console."""

import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from gateway.access.kept import kept_at, read_or_make
from gateway.access.passwords import check_password
from gateway.errors import ConfigError, Forbidden, InvalidRequest

_FILE = "setup_token"


@dataclass(frozen=True, slots=True)
class FirstAdmin:
    """Created at start; where the user exists, the password becomes this one."""

    username: str
    password: str = field(repr=False)


def configured_admin(username: str | None, password: str | None) -> FirstAdmin | None:
    """None where neither is configured. Raises ConfigError for half a pair and for a guessable password."""
    if not username and not password:
        return None
    if not username or not password:
        missing = "UI_PASSWORD" if username else "UI_USERNAME"
        raise ConfigError(f"{missing}: is missing: UI_USERNAME and UI_PASSWORD belong together")
    try:
        check_password(password, username)
    except InvalidRequest as error:
        raise ConfigError(f"UI_PASSWORD: {error.message}") from None
    return FirstAdmin(username, password)


class SetupToken:
    """A secret for the first visit, in `STATE_DIR/setup_token` so that all workers know it. Useless once spent."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / _FILE

    def show(self) -> str:
        """The token for the console, made where none is kept. Only called while there is no administrator."""
        return read_or_make(self._path, lambda: secrets.token_urlsafe(24))[0]

    def check(self, presented: str, admin_exists: bool) -> None:
        """Raises Forbidden (`setup_token_refused`), with one text whether it is wrong, spent or not needed any more."""
        path = kept_at(self._path)
        kept = path.read_text().strip() if path.exists() else ""
        right = hmac.compare_digest(kept.encode(), presented.encode("utf-8", "surrogatepass"))
        if admin_exists or not kept or not right:
            message = "The set-up token is wrong or not valid any more. It stands in the link on the gateway's console."
            raise Forbidden(message, code="setup_token_refused")

    def spend(self) -> None:
        """Called as soon as there is an administrator, however that came to be."""
        with suppress(OSError):  # in a folder that cannot be written: it is useless all the same
            kept_at(self._path).unlink(missing_ok=True)
