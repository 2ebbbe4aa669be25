"""Seals: only the key that sealed opens, old keys may still open, weak keys stop the start; masks mean no change.

Rows of docs/acceptance.md: A000-20.
"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.secrets import SealedElsewhere, Sealer, is_masked, mask_secret, open_sealer
from gateway.errors import ConfigError

OLD, NEW = "old-Kq8vZ2xW7bN4mL1pR6tY3cF9hJ5d", "new-Tz3yB8nQ1wE6rU9iO4pA7sD2fG5h"
PROVIDER_KEY = "cpk_0123456789abcdef.secret"


def test_a_sealed_secret_opens_and_does_not_show() -> None:
    sealer = Sealer(NEW)
    token = sealer.seal(PROVIDER_KEY)
    assert sealer.open(token) == PROVIDER_KEY
    assert PROVIDER_KEY not in token and token != sealer.seal(PROVIDER_KEY)


@given(text=st.text(max_size=300))
def test_any_text_can_be_sealed(text: str) -> None:
    if not any("\ud800" <= char <= "\udfff" for char in text):
        assert SEALER.open(SEALER.seal(text)) == text


SEALER = Sealer(OLD)


@pytest.mark.parametrize("token", ["", "nonsense", "gAAAAA", "ü", Sealer(OLD).seal(PROVIDER_KEY)])
def test_with_another_key_it_says_so_and_nothing_else(token: str) -> None:
    with pytest.raises(SealedElsewhere) as caught:
        Sealer(NEW).open(token)
    assert (caught.value.http_status, caught.value.error_code) == (503, "sealed_elsewhere")
    assert "SECRET_KEY" in caught.value.message


def test_when_the_old_key_is_back_everything_opens_again() -> None:
    token = Sealer(OLD).seal(PROVIDER_KEY)
    with pytest.raises(SealedElsewhere):
        Sealer(NEW).reseal(token)
    assert Sealer(OLD).open(token) == PROVIDER_KEY


def test_a_rotation_seals_anew_what_the_previous_key_had_sealed() -> None:
    token = Sealer(OLD).seal(PROVIDER_KEY)
    both = Sealer(NEW, [OLD])
    assert both.open(token) == PROVIDER_KEY
    moved = both.reseal(token)
    assert Sealer(NEW).open(moved) == PROVIDER_KEY
    assert both.reseal(moved) == moved


def test_a_missing_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    token = open_sealer(None, [], tmp_path).seal(PROVIDER_KEY)
    kept = tmp_path / "secret_key"
    assert kept.stat().st_mode & 0o777 == 0o600 and len(kept.read_text().strip()) >= 32
    assert open_sealer(None, [], tmp_path).open(token) == PROVIDER_KEY
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_what_the_kept_key_sealed_opens_after_a_key_is_configured(tmp_path: Path) -> None:
    token = open_sealer(None, [], tmp_path).seal(PROVIDER_KEY)
    assert open_sealer(NEW, [], tmp_path).open(token) == PROVIDER_KEY


@pytest.mark.parametrize(
    "key",
    ["", "short", "a" * 64, "0123456789abcdef0123456789abcdef", "your-secret-key-here-please-change", "ab" * 20],
)
def test_a_key_that_anybody_could_guess_stops_the_start(key: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SECRET_KEY") as caught:
        open_sealer(key, [], tmp_path)
    assert not key or key not in caught.value.message


def test_an_empty_key_file_stops_the_start_and_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("")
    with pytest.raises(ConfigError, match="secret_key"):
        open_sealer(None, [], tmp_path)
    assert (tmp_path / "secret_key").read_text() == ""


@given(secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60))
def test_a_mask_is_known_as_one_and_hides_most(secret: str) -> None:
    shown = mask_secret(secret)
    assert is_masked(shown)
    assert len(shown.replace("…", "")) <= len(secret) / 2


@pytest.mark.parametrize("text", ["***", "••••••", "sk-a…wxyz", "...", "********"])
def test_what_user_interfaces_send_as_a_mask_is_one(text: str) -> None:
    assert is_masked(text)


@pytest.mark.parametrize("text", ["", "sk-real-key", "a*b*c*d", "cpk_1.2.3"])
def test_a_secret_is_no_mask(text: str) -> None:
    assert not is_masked(text)
