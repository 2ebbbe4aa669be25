"""A change costs no more than it must where much is configured: everything is made once, and not on the event loop."""

import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.admin import directory
from gateway.admin.administration import Actor, Administration
from gateway.admin.documents import ModelDocument, ProviderDocument
from gateway.admin.opening import opened
from gateway.admin.overlay import model as read_model
from gateway.settings import KeyConfig, Settings, load_settings
from gateway.state import build_snapshot
from gateway.state.callers import file_callers
from gateway.store.records import Record, Resource

ME = Actor("tester")
MODELS = 5


@pytest.fixture
async def administration(tmp_path: Path) -> AsyncIterator[Administration]:
    loaded = load_settings(environ={"STATE_DIR": str(tmp_path), "ALLOW_PRIVATE_UPSTREAMS": "1"})
    async with opened(loaded.settings, None, loaded.origins) as administration:
        lab = ProviderDocument(id="lab", base_url="http://127.0.0.1:9/v1", type="openai")
        await administration.create(Resource.PROVIDERS, lab, ME)
        for n in range(MODELS):
            await administration.create(Resource.MODELS, document(f"m-{n}"), ME)
        yield administration


def document(id: str, **more: Any) -> ModelDocument:
    return ModelDocument(id=id, provider="lab", model="upstream", **more)


async def test_a_change_makes_one_snapshot_in_a_thread_and_reads_no_other_model_again(
    administration: Administration, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    read: list[str] = []

    def build(*args: Any, **named: Any) -> Any:
        threads.append(threading.current_thread())
        return build_snapshot(*args, **named)

    def note(record: Record) -> Any:
        read.append(record.id)
        return read_model(record)

    await administration.create(Resource.MODELS, document("before"), ME)
    monkeypatch.setattr(directory, "build_snapshot", build)
    monkeypatch.setattr(directory, "model", note)
    await administration.create(Resource.MODELS, document("new"), ME)
    assert len(threads) == 1 and threads[0] is not threading.main_thread()
    assert set(read) <= {"before", "new"}
    await administration.delete(Resource.MODELS, "new", ME, None, cascade=False)
    assert len(threads) == 2


async def test_what_was_tried_out_is_what_is_in_force(administration: Administration) -> None:
    created = await administration.create(Resource.MODELS, document("new", aliases=("other",)), ME)
    now = administration.directory
    record = now.table(Resource.MODELS)["new"]
    assert created.view is not None and created.view.version == record.version == 1
    assert now.snapshot.revision == now.revision == await administration.store.revision()
    assert now.snapshot.created["new"] == int(record.created_at) > 0
    await administration.replace(Resource.MODELS, "new", document("new", aliases=("another",)), ME, 1)
    after = administration.directory
    assert after.snapshot.created["new"] == now.snapshot.created["new"]
    assert after.snapshot.aliases == {"another": "new"} and after.settings.models["new"].aliases == ("another",)
    await administration.delete(Resource.MODELS, "new", ME, None, cascade=False)
    assert "new" not in administration.directory.snapshot.routes
    fresh = build_snapshot(administration.directory.settings, administration.directory.base.engines, None)
    assert fresh.routes == administration.directory.snapshot.routes


async def test_a_preview_leaves_no_trace(administration: Administration) -> None:
    before = administration.directory
    await administration.replace(Resource.MODELS, "m-0", document("m-0", aliases=("x",)), ME, None, dry_run=True)
    await administration.delete(Resource.MODELS, "m-1", ME, None, cascade=False, dry_run=True)
    await administration.create(Resource.MODELS, document("new"), ME)
    routes = administration.directory.snapshot.routes
    assert before.snapshot.routes.keys() | {"new"} == routes.keys() and routes["m-0"].aliases == ()


def test_callers_of_the_file_are_made_once() -> None:
    keys = tuple(KeyConfig.model_validate({"name": f"k{n}", "key": f"sk-{n:016d}", "budget_usd": 1}) for n in range(3))
    settings = Settings(keys=keys)
    made = file_callers(settings, {})
    changed = settings.model_copy(update={"models": {}})
    assert file_callers(changed, {}) is made and len(made) == 3
    reset = file_callers(changed, {"key:file-k1": {"reset": {"at": 1.5}}, "global": {"reset": {"at": 1.0}}})
    assert [one.limits[0].mark for one in reset.values()] == ["", "@1.500000", ""]
    assert file_callers(changed.model_copy(update={"keys": keys[:1]}), {}).keys() == {next(iter(made))}
