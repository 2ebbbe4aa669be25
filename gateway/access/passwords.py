"""Passwords of people: argon2id, a few at a time and in threads. Called by the login and the administration."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.access.guessable import is_guessable
from gateway.errors import InvalidRequest, Overloaded

MIN_LENGTH = 10
_MAX_LENGTH = 1024
_THREADS = 2
_WAITING = 32
"""Hashes that may wait for a thread; each takes some tens of milliseconds."""

_T = TypeVar("_T")


class Passwords:
    """`verify` takes as long for a user who does not exist as for a wrong password."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        """The default hasher follows RFC 9106 for servers with little memory: 64 MiB, three passes."""
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(_THREADS, "passwords")
        self._running = 0

    async def hash(self, password: str) -> str:
        return await self._run(self._hash, password)

    async def verify(self, stored: str | None, password: str) -> tuple[bool, str | None]:
        """Whether the password is right, and a new hash to store where the old one's parameters are out of date.

        `stored` is None for an unknown user. Raises Overloaded when too many are waiting.
        """
        return await self._run(self._verify, stored, password)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, step: Callable[..., _T], *arguments: str | None) -> _T:
        if self._running >= _THREADS + _WAITING:
            raise Overloaded("Too many people are logging in. Try again in a moment.", retry_after=2.0)
        self._running += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, step, *arguments)
        finally:
            self._running -= 1

    def _hash(self, password: str) -> str:
        return self._hasher.hash(_bytes(password))

    @cached_property
    def _nobody(self) -> str:
        return self._hasher.hash(secrets.token_urlsafe(32))

    def _verify(self, stored: str | None, password: str) -> tuple[bool, str | None]:
        nobody = (
            self._nobody
        )  # made with the first login, whoever it is, so that this one too tells nothing by its time
        try:
            self._hasher.verify(stored or nobody, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False, None
        if not stored:
            return False, None
        return True, self._hash(password) if self._hasher.check_needs_rehash(stored) else None


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")[: 4 * _MAX_LENGTH]


def check_password(password: str, username: str) -> None:
    """Raises InvalidRequest (`password`) saying what a password must be."""
    if not MIN_LENGTH <= len(password) <= _MAX_LENGTH:
        message = f"A password needs at least {MIN_LENGTH} characters, and has at most {_MAX_LENGTH}."
        raise InvalidRequest(message, param="password")
    name = username.casefold()
    if name and password.casefold().strip("0123456789!.?-_ ") in (name, name[::-1], name * 2):
        raise InvalidRequest("A password must not be the user name.", param="password")
    if is_guessable(password, 5):
        raise InvalidRequest("This password is among the first that are tried: choose another one.", param="password")
