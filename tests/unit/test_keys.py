"""Keys: found by hash, refused with one text, made once and kept with mode 0600.

Rows of docs/acceptance.md: A002-09.
"""

from pathlib import Path

import pytest

from gateway.access.keys import Caller, authenticate, digest, keep_master_key, master_key
from gateway.errors import ConfigError, ModelNotAllowed, Unauthenticated

CALLERS = {digest("sk-good-key-0123456789"): Caller("anna", allowed_models=("Qwen/*", "demo-chat"))}


@pytest.mark.parametrize("presented", [None, "", "sk-good-key-012345678", "sk-good-key-01234567890", "\ud800"])
def test_wrong_and_missing_keys_get_the_same_answer(presented: str | None) -> None:
    with pytest.raises(Unauthenticated) as caught:
        authenticate(None if presented is None else digest(presented), CALLERS)
    assert caught.value.message.startswith("Invalid or missing API key")


def test_a_key_is_fenced_to_its_models_and_operations() -> None:
    caller = authenticate(digest("sk-good-key-0123456789"), CALLERS)
    caller.check("Qwen/Qwen3-32B", "chat.completions")
    with pytest.raises(ModelNotAllowed):
        caller.check("gpt-4o", "chat.completions")
    with pytest.raises(ModelNotAllowed, match="embeddings"):
        Caller("b", allowed_operations=("chat.completions",)).check("any", "embeddings")


def test_the_master_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    key, is_new = master_key(None, tmp_path)
    assert is_new and key.startswith("sk-gw-") and len(key) > 40
    keep_master_key(key, tmp_path)
    assert master_key(None, tmp_path) == (key, False)
    assert (tmp_path / "master_key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        keep_master_key("another", tmp_path)


@pytest.mark.parametrize("key", ["", "sk-1234", "aaaaaaaaaaaaaaaaaaaa"])
def test_a_master_key_that_anybody_could_guess_stops_the_start(key: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="MASTER_API_KEY"):
        master_key(key, tmp_path)
