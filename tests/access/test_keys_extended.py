"""Keys: who they are, until when, from where; what may be shown of one and what may be one.

Rows of docs/acceptance.md: A000-20.
"""

import pytest

from gateway.access.addresses import parse_networks
from gateway.access.guessable import is_guessable
from gateway.access.keys import Caller, authenticate, check_custom_key, digest, mask, new_key
from gateway.errors import Forbidden, InvalidRequest, ModelNotAllowed, Unauthenticated

KEY = "sk-gw-0a1b2c3d4e5f6g7h8i9j"
OFFICE = parse_networks(["192.0.2.0/24", "2001:db8::/32"], "here")


def callers(**fields: object) -> dict[bytes, Caller]:
    return {digest(KEY): Caller("anna", **fields)}  # type: ignore[arg-type]


def message(presented: str, known: dict[bytes, Caller], now: float = 50.0) -> str:
    with pytest.raises(Unauthenticated) as caught:
        authenticate(digest(presented), known, "192.0.2.1", now)
    return f"{caught.value.http_status} {caught.value.body()}"


def test_wrong_disabled_and_expired_keys_cannot_be_told_apart() -> None:
    texts = {
        message("sk-gw-another-key", callers()),
        message(KEY, callers(enabled=False)),
        message(KEY, callers(expires_at=50.0)),
        message(KEY, callers(expires_at=10.0, networks=OFFICE)),
        message("", callers()),
    }
    assert len(texts) == 1


def test_a_key_works_until_it_expires() -> None:
    assert authenticate(digest(KEY), callers(expires_at=50.0), now=49.9).name == "anna"


def test_the_old_and_the_new_value_work_side_by_side_until_the_overlap_ends() -> None:
    known = {digest(KEY): Caller("anna", key_id="k", expires_at=100.0), digest("sk-new"): Caller("anna", key_id="k")}
    assert {authenticate(digest(one), known, now=99.0).key_id for one in (KEY, "sk-new")} == {"k"}
    message(KEY, known, now=100.0)
    assert authenticate(digest("sk-new"), known, now=100.0).key_id == "k"


@pytest.mark.parametrize("address", ["192.0.2.77", "2001:db8::5", "::ffff:192.0.2.9", "[2001:db8::1]:443"])
def test_a_key_of_an_office_works_in_the_office(address: str) -> None:
    assert authenticate(digest(KEY), callers(networks=OFFICE), address).name == "anna"


@pytest.mark.parametrize("address", ["198.51.100.1", "2001:db9::1", "", "localhost", "192.0.2.1.example"])
def test_a_key_of_an_office_works_nowhere_else(address: str) -> None:
    with pytest.raises(Forbidden) as caught:
        authenticate(digest(KEY), callers(networks=OFFICE), address)
    assert (caught.value.http_status, caught.value.error_code) == (403, "address_not_allowed")


def test_a_model_must_be_inside_the_fence_of_the_key_and_of_its_user() -> None:
    caller = Caller("anna", allowed_models=("Qwen/*", "gpt-*"), user_models=("gpt-*", "llama"))
    caller.check("gpt-x", "chat.completions")
    for model in ("Qwen/Qwen3-32B", "llama", "other"):
        with pytest.raises(ModelNotAllowed):
            caller.check(model, "chat.completions")


def test_a_mask_shows_little_and_of_a_short_key_less() -> None:
    key = new_key()
    assert mask(key) == f"{key[:8]}…{key[-4:]}"
    assert mask("abcdefghij123456") == "abcd…56"


@pytest.mark.parametrize(
    "key",
    [
        "short",
        "x" * 600,
        "with a space in it 12345",
        "schlüssel-0a1b2c3d4e5f",
        "tab\there-0a1b2c3d4e5f",
        "aaaaaaaaaaaaaaaaaaaaaaa",
        "1234567890123456",
        "sk-1234567890abcdef",
        "abcdefghijklmnop",
        "your-secret-key-here",
        "passwordpassword",
        "abc1abc1abc1abc1",
        "change-me-please-now",
    ],
)
def test_a_value_that_cannot_be_a_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_custom_key(key)
    assert caught.value.param == "key" and key not in caught.value.message


@pytest.mark.parametrize("key", [KEY, "correct-horse-battery-staple", "9f86d081884c7d659a2feaa0c55ad015"])
def test_a_random_value_can_be_a_key(key: str) -> None:
    check_custom_key(key)


def test_random_keys_are_never_called_guessable() -> None:
    assert not any(is_guessable(new_key(), 10) for _ in range(2000))
