"""Logging in: passwords, throttling, and the first administrator.

Rows of docs/acceptance.md: A002-04.
"""

import asyncio
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from gateway.access.passwords import Passwords, check_password
from gateway.access.setup import SetupToken, configured_admin
from gateway.access.throttle import Throttle
from gateway.errors import ConfigError, Forbidden, InvalidRequest, Overloaded, RateLimited
from gateway.store.store import Store
from gateway.store.tables import login_tries
from tests.store.conftest import Home, home
from tests.store.test_usage_rows import all_of, count

__all__ = ["home"]

QUICK = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
GOOD = "a long enough phrase"


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(QUICK)


# --- passwords -------------------------------------------------------------------------------------------


async def test_only_the_right_password_is_right(passwords: Passwords) -> None:
    stored = await passwords.hash(GOOD)
    assert stored.startswith("$argon2id$") and GOOD not in stored
    assert await passwords.verify(stored, GOOD) == (True, None)
    assert await passwords.verify(stored, GOOD + " ") == (False, None)
    assert await passwords.verify(stored, "") == (False, None)


async def test_a_hash_is_as_dear_as_rfc_9106_wants_it() -> None:
    assert (await Passwords().hash(GOOD)).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


@pytest.mark.parametrize("stored", [None, "", "nonsense", "$argon2id$v=19$broken"])
@pytest.mark.parametrize("password", [GOOD, "a password that nobody has", "\ud800"])
async def test_nobody_logs_in_without_a_hash(passwords: Passwords, stored: str | None, password: str) -> None:
    assert await passwords.verify(stored, password) == (False, None)


async def test_an_unknown_user_costs_a_whole_hash_too() -> None:
    class Counting(PasswordHasher):
        verified: list[str] = []  # noqa: RUF012

        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
            self.verified.append(str(hash).partition(",p=")[0])
            return super().verify(hash, password)

    hasher = Counting(time_cost=1, memory_cost=1024, parallelism=1)
    passwords = Passwords(hasher)
    await passwords.verify(await passwords.hash(GOOD), "a wrong one")
    await passwords.verify(None, "a wrong one")
    assert len(hasher.verified) == 2 and len(set(hasher.verified)) == 1


async def test_a_hash_of_old_parameters_is_renewed(passwords: Passwords) -> None:
    stored = await passwords.hash(GOOD)
    stronger = Passwords(PasswordHasher(time_cost=2, memory_cost=2048, parallelism=1))
    right, renewed = await stronger.verify(stored, GOOD)
    assert right and renewed and renewed != stored
    assert await stronger.verify(renewed, GOOD) == (True, None)


async def test_eighty_guesses_at_once_leave_the_loop_alone() -> None:
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1))
    stored = await passwords.hash(GOOD)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counter = asyncio.ensure_future(count())
    answers = await asyncio.gather(*(passwords.verify(stored, "guess") for _ in range(80)), return_exceptions=True)
    counter.cancel()
    refused = [answer for answer in answers if isinstance(answer, Overloaded)]
    assert len(refused) == 80 - 34 and all(error.retry_after for error in refused)
    assert answers.count((False, None)) == 34
    assert turns > 34
    assert await passwords.verify(stored, GOOD) == (True, None)


@pytest.mark.parametrize(
    "password",
    ["", "short", "x" * 2000, "1234567890", "password123", "Password1234", "qwertyuiop", "anna.smith", "ANNA.SMITH1",
     "aaaaaaaaaaaa", "htims.anna", "adminadmin"],
)  # fmt: skip
def test_a_password_that_is_tried_first_is_refused(password: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_password(password, "anna.smith")
    assert caught.value.param == "password"


@pytest.mark.parametrize("password", [GOOD, "Tr0ub4dor&3x", "пароль-длинный-1"])
def test_an_ordinary_password_is_taken(password: str) -> None:
    check_password(password, "anna.smith")


# --- throttling ------------------------------------------------------------------------------------------


@pytest.fixture
async def stores(home: Home) -> tuple[Store, Store]:
    """Those of two workers, or of two instances."""
    return await home.open(), await home.open()


@pytest.fixture
def throttle(stores: tuple[Store, Store]) -> Throttle:
    return Throttle(stores[0])


async def tries_until_refused(throttle: Throttle, names: list[str], addresses: list[str], now: float = 0.0) -> int:
    for n in range(200):
        try:
            await throttle.attempt(names[n % len(names)], addresses[n % len(addresses)], now)
        except RateLimited as error:
            assert error.http_status == 429 and error.retry_after and error.error_code == "login_throttled"
            return n + 1
    return 1000


MANY_NAMES = [f"user{n}" for n in range(200)]
MANY_ADDRESSES = [f"198.51.{n}.7" for n in range(200)]


@pytest.mark.parametrize(
    ("names", "addresses"),
    [
        (["anna"], ["198.51.100.7"]),
        (["anna", "ANNA ", " Anna"], MANY_ADDRESSES),
        (MANY_NAMES, ["198.51.100.7"]),
        (MANY_NAMES, [f"2001:db8:1:2:{n:x}::1" for n in range(200)]),
    ],
)
async def test_guessing_is_refused_by_the_twentieth_try(
    throttle: Throttle, names: list[str], addresses: list[str]
) -> None:
    assert await tries_until_refused(throttle, names, addresses) < 20


async def test_many_workers_give_no_more_tries_than_one(stores: tuple[Store, Store]) -> None:
    workers = [Throttle(store) for store in stores]
    tries = [workers[n % 2].attempt("anna", f"198.51.{n}.7", 0.0) for n in range(40)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert answers.count(None) == 8
    assert all(isinstance(answer, RateLimited) for answer in answers if answer is not None)


async def test_an_owner_is_at_home_in_every_worker(stores: tuple[Store, Store]) -> None:
    one, other = map(Throttle, stores)
    await one.attempt("anna", "203.0.113.9", 0.0)
    await one.succeeded("anna", "203.0.113.9", 0.0)
    assert await tries_until_refused(one, ["anna"], MANY_ADDRESSES) < 20
    await other.attempt("anna", "203.0.113.9", 0.0)
    assert await tries_until_refused(other, ["anna"], ["203.0.113.9"]) < 20


async def test_the_wait_grows_and_ends(throttle: Throttle) -> None:
    now = 0.0
    waits: list[float] = []
    for _ in range(14):
        while True:
            try:
                await throttle.attempt("anna", f"198.51.{len(waits)}.7", now)
                break
            except RateLimited as error:
                assert error.retry_after is not None
                waits.append(error.retry_after)
                now += error.retry_after
    assert waits == [1, 2, 4, 8, 16, 32]
    for n in range(5):
        with pytest.raises(RateLimited):
            await throttle.attempt("anna", f"198.52.{n}.7", now)
    await throttle.attempt("anna", "198.51.100.8", now + 60)


async def test_a_clock_that_is_set_back_locks_nobody_out_for_longer(throttle: Throttle) -> None:
    assert await tries_until_refused(throttle, ["anna"], MANY_ADDRESSES, 100_000.0) < 20
    await throttle.attempt("anna", "203.0.113.9", 10_000.0)


async def test_success_lets_the_account_begin_anew_but_not_the_address(throttle: Throttle) -> None:
    for n in range(50):
        await throttle.attempt("anna", f"198.51.{n}.7", float(n))
        await throttle.succeeded("anna", f"198.51.{n}.7", float(n))
    for n in range(40):
        try:
            await throttle.attempt(f"user{n}", "198.51.100.7", 0.0)
            await throttle.attempt("mallory", "198.51.100.7", 0.0)
        except RateLimited:
            break
        await throttle.succeeded("mallory", "198.51.100.7", 0.0)
    assert n < 20


async def test_an_attacker_slows_the_owner_down_by_a_minute_at_most(throttle: Throttle) -> None:
    for n in range(200):
        try:
            await throttle.attempt("anna", f"198.51.{n}.7", 1000.0 * n)
        except RateLimited:
            pytest.fail("after 1000 s anybody may try again")
    with pytest.raises(RateLimited) as caught:
        await throttle.attempt("anna", "203.0.113.9", 199_000.0)
    assert caught.value.retry_after is not None and caught.value.retry_after <= 60


async def test_nothing_is_kept_in_clear_or_longer_than_it_is_needed(
    throttle: Throttle, stores: tuple[Store, Store]
) -> None:
    for n in range(20):
        await throttle.attempt(f"user{n}", f"198.51.{n}.7", 0.0)
    kept = await all_of(stores[0], login_tries)
    assert len(kept) == 40 and not any("user" in row.name or "198" in row.name[:4] for row in kept)
    await throttle.attempt("anna", "203.0.113.9", 1801.0)
    assert await count(stores[0], login_tries) == 2


# --- the first administrator -----------------------------------------------------------------------------


def test_the_environment_may_name_the_administrator() -> None:
    admin = configured_admin("ada", GOOD)
    assert admin and (admin.username, admin.password) == ("ada", GOOD)
    assert GOOD not in repr(admin)
    assert configured_admin(None, None) is None and configured_admin("", "") is None


@pytest.mark.parametrize(
    ("username", "password", "named"),
    [
        ("admin", "admin", "UI_PASSWORD"),
        ("admin", "adminadmin", "UI_PASSWORD"),
        ("admin", "password123", "UI_PASSWORD"),
        ("root", "changeme123", "UI_PASSWORD"),
        ("admin", "", "UI_PASSWORD"),
        ("", GOOD, "UI_USERNAME"),
    ],
)
def test_a_published_administrator_stops_the_start(username: str, password: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        configured_admin(username, password)
    assert not password or len(password) < 6 or password not in caught.value.message


def refusal(token: SetupToken, presented: str, admin_exists: bool = False) -> str:
    with pytest.raises(Forbidden) as caught:
        token.check(presented, admin_exists)
    return str(caught.value.body())


def test_the_setup_token_works_in_every_worker_until_there_is_an_administrator(tmp_path: Path) -> None:
    token, other = SetupToken(tmp_path), SetupToken(tmp_path)
    shown = token.show()
    assert other.show() == shown and len(shown) >= 32
    assert (tmp_path / "setup_token").stat().st_mode & 0o777 == 0o600
    other.check(shown, admin_exists=False)
    texts = {refusal(other, "wrong"), refusal(other, ""), refusal(other, "\ud800"), refusal(other, shown, True)}
    token.spend()
    texts.add(refusal(other, shown))
    texts.add(refusal(other, ""))
    assert len(texts) == 1
