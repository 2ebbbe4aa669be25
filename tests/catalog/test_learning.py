"""What the gateway makes of a new catalog: off the event loop, and again where it failed."""

import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.access.secrets import Sealer
from gateway.admin import directory
from gateway.admin.administration import Administration
from gateway.backoffice import BackOffice
from gateway.catalog.board import CatalogBoard, RefreshOutcome
from gateway.catalog.catalog import Catalog
from gateway.providers.engines import NoEngines
from gateway.settings import Settings
from gateway.state import build_snapshot
from gateway.store.store import Store
from tests.catalog.merging import platform_catalog


async def test_what_is_made_of_a_catalog_is_made_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 5,000 models it takes a tenth of a second, in which every stream would stand still."""
    threads = []

    def build(*args: Any, **named: Any) -> Any:
        threads.append(threading.current_thread())
        return build_snapshot(*args, **named)

    monkeypatch.setattr(directory, "build_snapshot", build)
    settings = Settings.model_validate({"chutes_api_key": "cpk_0123456789abcdef"})
    base = directory.Base(settings, NoEngines(), "sk-master-0123456789abcdef", Sealer("secret-0123456789abcdef"))
    enforced: list[directory.Directory] = []
    administration = Administration(directory.Directory(base), cast(Store, None), enforced.append)
    await administration.learn(platform_catalog(), ())
    assert "Qwen/Qwen3-32B" in enforced[0].snapshot.routes and administration.directory is enforced[0]
    assert len(threads) == 1 and threads[0] is not threading.main_thread()


async def test_a_catalog_that_could_not_be_taken_over_is_tried_again() -> None:
    tried: list[Catalog] = []

    async def learn(catalog: Catalog) -> None:
        tried.append(catalog)
        if len(tried) == 1:
            raise ConnectionError("the database is away")

    board = CatalogBoard()
    board.swap(Catalog(at=1), RefreshOutcome(1, 0.1, 0, ()))
    look = BackOffice.learning(cast(BackOffice, SimpleNamespace(_learn=learn)), board).run
    with pytest.raises(ConnectionError):
        await look()
    await look()
    await look()
    assert tried == [board.current] * 2
