"""Seals provider keys with SECRET_KEY before they are stored, and masks them where they are shown.

The administration calls `Sealer` and the masks; `open_sealer` is called at start and by the command that rotates.
"""

import secrets
from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from gateway.access.guessable import is_guessable
from gateway.access.kept import read_or_make
from gateway.errors import ConfigError, GatewayError

_FILE = "secret_key"
_MIN_LENGTH = 32
_LEAST_DIFFERENT = 10
_DOTS = "…"
_SHOWN = 4
_LONG = 16
"""Secrets shorter than this show nothing of themselves."""


class SealedElsewhere(GatewayError):
    """It was sealed with another SECRET_KEY, or is damaged. It stays as it is, and opens when the key is back."""

    status: ClassVar[int] = 503
    type: ClassVar[str] = "service_unavailable_error"
    code: ClassVar[str | None] = "sealed_elsewhere"

    def __init__(self) -> None:
        super().__init__("This secret was sealed with another SECRET_KEY: set the old one, or enter the secret again.")


class Sealer:
    """Seals with the first key and opens with any. Tokens are text, and no two of one secret are alike."""

    def __init__(self, secret_key: str, previous: Sequence[str] = ()) -> None:
        self._secret_keys = (secret_key, *previous)

    @cached_property
    def _cipher(self) -> Any:
        """Loaded for the first secret: cryptography takes 7 MB, and many gateways have all secrets in their file."""
        return import_module("gateway.access.cipher").Cipher(self._secret_keys)

    def seal(self, text: str) -> str:
        return str(self._cipher.seal(text))

    def open(self, token: str) -> str:
        """Raises SealedElsewhere."""
        found: str | None = self._cipher.open(token)
        if found is None:
            raise SealedElsewhere
        return found

    def reseal(self, token: str) -> str:
        """The same secret, sealed with the current key: the same token where it is already. Raises SealedElsewhere."""
        return token if self._cipher.is_current(token) else self.seal(self.open(token))


def open_sealer(configured: str | None, previous: Sequence[str], state_dir: Path) -> Sealer:
    """With the configured key, else with that in `STATE_DIR/secret_key`, which is made when missing.

    `previous` keys still open what they sealed. Raises ConfigError for a key that anybody could guess.
    """
    if configured is not None:
        check_secret_key(configured, "SECRET_KEY")
        kept = state_dir / _FILE
        before = [kept.read_text().strip()] if kept.exists() else []
        return Sealer(configured, [*previous, *(key for key in before if key)])
    key, _ = read_or_make(state_dir / _FILE, lambda: secrets.token_urlsafe(48))
    check_secret_key(key, str(state_dir / _FILE))
    return Sealer(key, previous)


def check_secret_key(key: str, place: str) -> None:
    """Raises ConfigError naming `place`."""
    if len(key) < _MIN_LENGTH or is_guessable(key, _LEAST_DIFFERENT):
        raise ConfigError(
            f"{place}: too easy to guess: use at least {_MIN_LENGTH} random characters"
            """ (python3 -c 'import secrets; print(secrets.token_urlsafe(48))')"""
        )


def mask_secret(text: str) -> str:
    """`sk-a…wxyz`; of a short secret only dots."""
    return f"{text[:_SHOWN]}{_DOTS}{text[-_SHOWN:]}" if len(text) >= _LONG else _DOTS * 3


def is_masked(text: str) -> bool:
    """Whether a value that somebody sends is a mask, and so means: leave it as it is."""
    return _DOTS in text or (len(text) >= 3 and not text.strip("*•."))
