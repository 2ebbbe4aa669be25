"""Slows the guessing of passwords: attempts are counted per account and per address."""

import time
from collections import OrderedDict
from dataclasses import dataclass

from gateway.access.addresses import site
from gateway.errors import RateLimited

_FREE_OF_ACCOUNT = 8
_FREE_OF_ADDRESS = 15
_LONGEST_OF_ACCOUNT = 60.0
"""Short, since strangers can lock an account's owner out with it."""
_LONGEST_OF_ADDRESS = 900.0
_FORGIVEN = 1800.0
"""Seconds without an attempt after which all is forgotten."""
_REMEMBERED = 20_000


@dataclass(slots=True)
class _Tries:
    count: int = 0
    last: float = 0.0
    until: float = 0.0


class Throttle:
    """Kept in memory, bounded. Known and unknown names are treated alike."""

    def __init__(self) -> None:
        self._accounts: OrderedDict[str, _Tries] = OrderedDict()
        self._addresses: OrderedDict[str, _Tries] = OrderedDict()
        self._homes: OrderedDict[tuple[str, str], None] = OrderedDict()

    def attempt(self, account: str, address: str, now: float | None = None) -> None:
        """Counts an attempt before it is made, so that parallel ones count too. `now` is monotonic.

        Raises RateLimited with `retry_after`, which doubles with every further attempt.
        """
        now = time.monotonic() if now is None else now
        of_account = _tries(self._accounts, self._counted_as(account, address), now)
        of_address = _tries(self._addresses, site(address), now)
        wait = max(of_account.until, of_address.until) - now
        if wait > 0:
            raise RateLimited("Too many attempts to log in. Try again later.", code="login_throttled", retry_after=wait)
        _count(of_account, now, _FREE_OF_ACCOUNT, _LONGEST_OF_ACCOUNT)
        _count(of_address, now, _FREE_OF_ADDRESS, _LONGEST_OF_ADDRESS)

    def succeeded(self, account: str, address: str) -> None:
        """The account begins anew; the address gets this attempt back, no more, as it may guess at others."""
        self._accounts.pop(self._counted_as(account, address), None)
        home = (_folded(account), site(address))
        self._homes[home] = None
        self._homes.move_to_end(home)
        if len(self._homes) > _REMEMBERED:
            self._homes.popitem(last=False)
        tries = self._addresses.get(home[1])
        if tries is not None:
            tries.count = max(0, tries.count - 1)
            tries.until = 0.0

    def _counted_as(self, account: str, address: str) -> str:
        """Where somebody has logged in before, attempts are counted apart: strangers elsewhere do not lock them out."""
        name, place = _folded(account), site(address)
        return f"{name}\n{place}" if (name, place) in self._homes else name


def _folded(account: str) -> str:
    return account.strip().casefold()[:256]


def _tries(known: OrderedDict[str, _Tries], name: str, now: float) -> _Tries:
    tries = known.setdefault(name, _Tries(last=now))
    if now - tries.last > _FORGIVEN:
        tries.count = 0
    tries.last = now
    known.move_to_end(name)
    if len(known) > _REMEMBERED:
        known.popitem(last=False)
    return tries


def _count(tries: _Tries, now: float, free: int, longest: float) -> None:
    tries.count += 1
    if tries.count >= free:
        tries.until = now + min(longest, 2.0 ** min(tries.count - free, 30))
