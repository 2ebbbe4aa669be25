"""Slows the guessing of passwords: attempts are counted per account and per address, for all workers together."""

import hashlib
import time
from dataclasses import dataclass
from typing import Protocol

from gateway.access.addresses import site
from gateway.errors import RateLimited

_FREE_OF_ACCOUNT = 8
_FREE_OF_ADDRESS = 15
_LONGEST_OF_ACCOUNT = 60.0
"""Short, since strangers can lock an account's owner out with it."""
_LONGEST_OF_ADDRESS = 900.0
FORGIVEN = 1800.0
"""Seconds without an attempt after which all is forgotten."""
HOME = 30 * 86_400.0
"""Seconds for which an address counts as one where somebody has logged in before."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Who tries, as a digest. From the try `free` on there is a wait after each, twice as long each time."""

    name: str
    free: int
    longest: float
    """Seconds of the longest wait."""


@dataclass(frozen=True, slots=True)
class LoginTry:
    """Where somebody has logged in before (there is a `home`), attempts are counted apart, as `at_home`: strangers
    elsewhere do not lock them out."""

    account: Bound
    at_home: Bound
    address: Bound
    home: str


class LoginTries(Protocol):
    """Implemented by `gateway.store.Store`. `now` is `time.time()`."""

    async def count_login_try(self, one: LoginTry, now: float) -> float:
        """Counts it and returns 0, or the seconds to wait, and nothing was counted."""
        ...

    async def login_succeeded(self, one: LoginTry, now: float) -> None: ...


class Throttle:
    """Known and unknown names are treated alike. Raises what the store raises."""

    def __init__(self, store: LoginTries) -> None:
        self._store = store

    async def attempt(self, account: str, address: str, now: float | None = None) -> None:
        """Counts an attempt before it is made, so that parallel ones count too.

        Raises RateLimited with `retry_after`, which doubles with every further attempt.
        """
        wait = await self._store.count_login_try(_try(account, address), time.time() if now is None else now)
        if wait > 0:
            raise RateLimited("Too many attempts to log in. Try again later.", code="login_throttled", retry_after=wait)

    async def succeeded(self, account: str, address: str, now: float | None = None) -> None:
        """The account begins anew; the address gets this attempt back, no more, as it may guess at others."""
        await self._store.login_succeeded(_try(account, address), time.time() if now is None else now)


def _try(account: str, address: str) -> LoginTry:
    name, place = account.strip().casefold()[:256], site(address)
    return LoginTry(
        Bound(_digest("account", name), _FREE_OF_ACCOUNT, _LONGEST_OF_ACCOUNT),
        Bound(_digest("at home", name, place), _FREE_OF_ACCOUNT, _LONGEST_OF_ACCOUNT),
        Bound(_digest("address", place), _FREE_OF_ADDRESS, _LONGEST_OF_ADDRESS),
        _digest("home", name, place),
    )


def _digest(*parts: str) -> str:
    """People type passwords where the name belongs: neither is kept."""
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
