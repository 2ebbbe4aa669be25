"""Gateway keys, looked up by hash: neither their number nor how close a guess comes changes the time it takes.

Called for every request (`authenticate`), at start (`master_key`) and by the administration (`new_key`, `mask`).
"""

import hashlib
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from gateway.access.addresses import Network, is_within, parse_address, site
from gateway.access.guessable import is_guessable
from gateway.access.limits import Limits
from gateway.errors import ConfigError, Forbidden, InvalidRequest, ModelNotAllowed, Unauthenticated
from gateway.openai_api.confidentiality import Rule

PREFIX = "sk-gw-"
_MIN_LENGTH = 16
_MAX_LENGTH = 512
_FILE = "master_key"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `allowed_models` are globs and `allowed_operations` names; empty tuples allow all.

    A key that was rotated has two callers for a while: the one of the old value ends at its `expires_at`.
    """

    name: str
    is_master: bool = False
    allowed_models: tuple[str, ...] = ()
    allowed_operations: tuple[str, ...] = ()
    stream_policy: str = ""
    """What becomes of this key's streams that break (`routing.types.StreamPolicy`); empty: as the model says."""
    key_id: str = ""
    user_id: str = ""
    user_models: tuple[str, ...] = ()
    """The fence of the key's user, in globs as `allowed_models`: a model must be inside both."""
    expires_at: float | None = None
    """Epoch seconds."""
    networks: tuple[Network, ...] = ()
    """Where it may be used from; empty: everywhere."""
    limits: tuple[Limits, ...] = ()
    """Only of scopes that limit something, so that most callers need no counting."""
    store_bodies: bool = False
    cache: bool = False
    enabled: bool = True
    rule: Rule | None = None
    """What the key demands of whoever is asked."""

    def may_use(self, model: str) -> bool:
        return _inside(model, self.allowed_models) and _inside(model, self.user_models)

    def check(self, model: str, operation: str) -> None:
        """Raises ModelNotAllowed for a model or an operation outside this key's fence."""
        if (self.allowed_models or self.user_models) and not self.may_use(model):
            raise ModelNotAllowed(f"This key may not use the model '{model}'.", param="model")
        if self.allowed_operations and operation not in self.allowed_operations:
            raise ModelNotAllowed(f"This key may not use {operation}.", code="operation_not_allowed")


def limited_by_address(caller: Caller, address: str, rpm: int) -> Caller:
    """The caller with one more scope: all requests from this place, whosever keys they have."""
    return replace(caller, limits=(*caller.limits, Limits(f"ip:{site(address)}", rpm)))


def _inside(model: str, globs: tuple[str, ...]) -> bool:
    return not globs or any(fnmatchcase(model, glob) for glob in globs)


PLATFORM = Caller("platform")
"""A caller whom the Chutes platform has authenticated: the door of the chute passes no key of ours."""


def digest(key: str) -> bytes:
    """SHA-256 of a key. Keys are random and long, so no slow hash is needed."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def authenticate(
    presented: bytes | None, callers: Mapping[bytes, Caller], address: str = "", now: float | None = None
) -> Caller:
    """The caller whose key has this digest. `address` is the client's, `now` is `time.time()` where not given.

    Raises Unauthenticated with one text whether the key is missing, wrong, disabled or expired, and Forbidden
    (`address_not_allowed`) for a right key from a place where it may not be used.
    """
    caller = callers.get(presented) if presented is not None else None
    if caller is None or not caller.enabled or _is_past(caller.expires_at, now):
        raise Unauthenticated("Invalid or missing API key. Send 'Authorization: Bearer <key>' or 'X-API-Key: <key>'.")
    if caller.networks and not is_within(parse_address(address), caller.networks):
        raise Forbidden("This key may not be used from this address.", code="address_not_allowed")
    return caller


def _is_past(end: float | None, now: float | None) -> bool:
    return end is not None and end <= (time.time() if now is None else now)


def new_key() -> str:
    """A random key with 240 bits of entropy."""
    return PREFIX + secrets.token_urlsafe(30)


def check_custom_key(key: str) -> None:
    """Raises InvalidRequest for a value that cannot be sent in a header or that anybody could guess."""
    if not _MIN_LENGTH <= len(key) <= _MAX_LENGTH:
        message = f"A key needs at least {_MIN_LENGTH} characters, and has at most {_MAX_LENGTH}."
        raise InvalidRequest(message, param="key")
    if not _is_sendable(key):
        raise InvalidRequest("A key consists of printable ASCII characters without spaces.", param="key")
    if is_guessable(key):
        raise InvalidRequest("This key is too easy to guess: use random characters, or leave it out.", param="key")


def _is_sendable(key: str) -> bool:
    return all("!" <= letter <= "~" for letter in key)


def mask(key: str) -> str:
    """What may be shown of a key: its first eight and last four characters; of a short one, less."""
    return f"{key[:8]}…{key[-4:]}" if len(key) >= 2 * _MIN_LENGTH else f"{key[:4]}…{key[-2:]}"


def master_key(configured: str | None, state_dir: Path) -> tuple[str, bool]:
    """The configured key, else the one kept in `STATE_DIR/master_key`, else a new one, not kept yet.

    Returns the key and whether it is new. Raises ConfigError for a key that anybody could guess.
    """
    if configured is not None:
        if len(configured) < _MIN_LENGTH or is_guessable(configured):
            raise ConfigError(f"MASTER_API_KEY: too easy to guess: use at least {_MIN_LENGTH} random characters")
        if not _is_sendable(configured):
            raise ConfigError("MASTER_API_KEY: has spaces, a line end or other signs that no request could send")
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
