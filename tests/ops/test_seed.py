"""SEED_FILE: an empty database starts from a backup, any other is left alone.

Rows of docs/acceptance.md: A002-33.
"""

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.admin.seeding import seed
from gateway.errors import ConfigError
from gateway.store.store import Store
from tests.trust.processes import Served

SECRET: dict[str, Any] = {"SECRET_KEY": "a-secret-key-of-forty-characters-47-11-0815"}


def keys(client: httpx.Client) -> set[str]:
    return {one["name"] for one in client.get("/api/admin/apikeys").json()["data"]}


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Of a gateway with one key and one provider."""
    with Served(tmp_path_factory.mktemp("first"), **SECRET) as served, served.http() as client:
        assert client.post("/api/admin/apikeys", json={"name": "of the seed"}).status_code == 201
        provider = {"id": "far", "base_url": "https://models.example.com/v1", "api_key": "sk-far-0123456789"}
        assert client.post("/api/admin/providers", json=provider).status_code == 201
        return client.get("/api/admin/backup").content


@pytest.mark.parametrize("text", [False, True])
def test_a_first_start_takes_the_seed_and_later_ones_keep_what_was_changed(
    tmp_path: Path, backup: bytes, text: bool
) -> None:
    file = tmp_path / "seed"
    file.write_bytes(base64.encodebytes(backup) if text else backup)
    environment = {**SECRET, "SEED_FILE": str(file)}
    served = Served(tmp_path / "home", **environment)
    with served, served.http() as client:
        assert "of the seed" in keys(client)
        assert client.get("/api/admin/providers/far").json()["status"] == "enabled"
        assert client.post("/api/admin/apikeys", json={"name": "made later"}).status_code == 201
    with served, served.http() as client:
        assert {"of the seed", "made later"} <= keys(client)
    assert served.log.count("records were taken from") == 1


@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot be read"), (b"no backup!", "is no backup"), (b"aGVsbG8=", "no backup")]
)
async def test_a_seed_that_cannot_be_used_is_named_and_nothing_is_written(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    file = tmp_path / "seed"
    if content is not None:
        file.write_bytes(content)
    store = await Store.open(None, tmp_path / "state")
    with pytest.raises(ConfigError, match=f"SEED_FILE: .*{said}"):
        await seed(store, file)
    assert await store.revision() == 0
    await store.close()
