"""Gateway keys, looked up by hash: neither their number nor how close a guess comes changes the time it takes."""

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from gateway.errors import ConfigError, ModelNotAllowed, Unauthenticated

PREFIX = "sk-gw-"
_MIN_LENGTH = 16
_FILE = "master_key"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `allowed_models` are globs and `allowed_operations` names; empty tuples allow all."""

    name: str
    is_master: bool = False
    allowed_models: tuple[str, ...] = ()
    allowed_operations: tuple[str, ...] = ()

    def may_use(self, model: str) -> bool:
        return not self.allowed_models or any(fnmatchcase(model, glob) for glob in self.allowed_models)

    def check(self, model: str, operation: str) -> None:
        """Raises ModelNotAllowed for a model or an operation outside this key's fence."""
        if not self.may_use(model):
            raise ModelNotAllowed(f"This key may not use the model '{model}'.", param="model")
        if self.allowed_operations and operation not in self.allowed_operations:
            raise ModelNotAllowed(f"This key may not use {operation}.", code="operation_not_allowed")


PLATFORM = Caller("platform")
"""A caller whom the Chutes platform has authenticated: the door of the chute passes no key of ours."""


def digest(key: str) -> bytes:
    """SHA-256 of a key. Keys are random and long, so no slow hash is needed."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def authenticate(presented: str | None, callers: Mapping[bytes, Caller]) -> Caller:
    """Raises Unauthenticated with one text whatever is wrong."""
    caller = callers.get(digest(presented)) if presented else None
    if caller is None:
        raise Unauthenticated("Invalid or missing API key. Send 'Authorization: Bearer <key>' or 'X-API-Key: <key>'.")
    return caller


def new_key() -> str:
    """A random key with 240 bits of entropy."""
    return PREFIX + secrets.token_urlsafe(30)


def master_key(configured: str | None, state_dir: Path) -> tuple[str, bool]:
    """The configured key, else the one kept in `STATE_DIR/master_key`, else a new one, not kept yet.

    Returns the key and whether it is new. Raises ConfigError for a key that anybody could guess.
    """
    if configured is not None:
        if len(configured) < _MIN_LENGTH or len(set(configured)) < 6:
            raise ConfigError(f"MASTER_API_KEY: too easy to guess: use at least {_MIN_LENGTH} random characters")
        return configured, False
    path = state_dir / _FILE
    if path.exists():
        return path.read_text().strip(), False
    return new_key(), True


def keep_master_key(key: str, state_dir: Path) -> None:
    """Writes a new key where the next start finds it, readable by its owner alone. Never overwrites one."""
    file = os.open(state_dir / _FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w") as handle:
        handle.write(key + "\n")
