"""What routing takes from the catalog: hosts, dialects, prices, refusals, the drift guard and replacements.

Rows of docs/acceptance.md: A000-21, A001-16, A002-20.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from gateway.catalog.catalog import Catalog
from gateway.catalog.drift import Demands, drift, replacement
from gateway.catalog.facts import Price
from gateway.catalog.model import CatalogModel
from gateway.catalog.names import closest
from gateway.errors import ConfigError
from gateway.openai_api.operations import ModelType
from gateway.providers.engines import NoEngines
from gateway.routing.resolve import resolve
from gateway.routing.types import Route, Target
from gateway.settings import Settings
from gateway.state import build_snapshot
from tests.catalog.documents import NOW
from tests.catalog.merging import facts, platform_catalog, row


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return platform_catalog()


@pytest.fixture(scope="module")
def routes(catalog: Catalog) -> Mapping[str, Route]:
    """Where nobody configured a model."""
    settings = Settings.model_validate({"chutes_api_key": "cpk_0123456789abcdef"})
    return build_snapshot(settings, NoEngines(), None, catalog=catalog).routes


def test_a_chat_model_of_the_llm_host_is_asked_there(routes: Mapping[str, Route]) -> None:
    price: Any = pytest.approx(0.12)
    found = routes["Qwen/Qwen3-32B"]
    assert found.type is ModelType.CHAT and found.targets == (Target("chutes", "Qwen/Qwen3-32B", price=price),)


@pytest.mark.parametrize(
    ("name", "kind", "host"),
    [
        ("whisper-large-v3", ModelType.TRANSCRIPTION, "https://chutes-whisper-large-v3.chutes.ai"),
        ("Qwen/Qwen3-Embedding-8B", ModelType.EMBEDDING, "https://chutes-qwen-qwen3-embedding-8b.chutes.ai"),
        ("acme/private-tune", ModelType.CHAT, "https://chutes-acme-private-tune.chutes.ai"),
        ("kokoro", ModelType.SPEECH, "https://chutes-kokoro.chutes.ai"),
    ],
)
def test_everything_else_is_asked_on_the_host_of_its_chute(
    routes: Mapping[str, Route], name: str, kind: ModelType, host: str
) -> None:
    assert (routes[name].type, routes[name].targets[0].base_url) == (kind, host)


def test_what_no_endpoint_can_ask_has_no_route(catalog: Catalog, routes: Mapping[str, Route]) -> None:
    assert catalog.find("wan2.1-14b") is not None and "wan2.1-14b" not in routes


def test_models_are_as_old_as_their_chutes() -> None:
    made, said_by_the_host = 1_750_000_000, 1_790_000_123
    told = facts("chutes", row("org/one", "c-1", created=made), row("org/two", "c-2"))
    listed = facts("llm", row("org/one", "c-1", created=said_by_the_host, lists_chat=True))
    catalog = Catalog.of([told, listed], NOW)
    settings = Settings.model_validate({
        "chutes_api_key": "cpk_0123456789abcdef",
        "providers": {"lab": {"base_url": "https://lab.example/v1"}},
        "models": {
            "ours": {"provider": "chutes", "model": "org/one"},
            "theirs": {"provider": "lab", "model": "org/one"},
            "written": {"provider": "lab"},
        },
    })  # fmt: skip
    snapshot = build_snapshot(settings, NoEngines(), None, catalog=catalog, created={"written": 1.5e9, "ours": 1.6e9})
    assert snapshot.created == {"org/one": made, "ours": made, "written": 1_500_000_000}


def test_what_is_configured_keeps_its_names_and_aliases_when_the_catalog_lists_them_too(catalog: Catalog) -> None:
    settings = Settings.model_validate({
        "chutes_api_key": "cpk_0123456789abcdef",
        "providers": {"lab": {"base_url": "https://lab.example/v1", "models": ["Qwen/Qwen3-Embedding-8B"]}},
        "models": {
            "ours": {"provider": "lab", "aliases": ["Qwen/Qwen3-32B"]},
            "whisper-large-v3": {"provider": "lab", "enabled": False},
        },
    })  # fmt: skip
    snapshot = build_snapshot(settings, NoEngines(), None, catalog=catalog)
    assert snapshot.routes["acme/private-tune"].from_catalog, "the catalog adds what nobody configured"
    assert resolve("Qwen/Qwen3-32B", snapshot).id == "ours"
    assert resolve("Qwen/Qwen3-Embedding-8B", snapshot).targets[0].provider_id == "lab"
    assert "whisper-large-v3" not in snapshot.routes


class Counted(tuple[CatalogModel, ...]):
    """Models, and how often somebody went through all of them."""

    walks = 0

    def __iter__(self) -> Iterator[CatalogModel]:
        Counted.walks += 1
        return super().__iter__()


def test_the_catalog_is_not_gone_through_for_each_model_that_is_configured() -> None:
    """Of 20,000 each that took a minute of a core where Chutes was not reached."""
    only_shipped = Catalog.of([facts("snapshot", row("Qwen/Qwen3-32B"))], NOW)
    walked = []
    for number in (1, 50):
        models = [f"m-{n}" for n in range(number)]
        settings = Settings.model_validate(
            {"providers": {"lab": {"base_url": "https://lab.example/v1", "models": models}}}
        )
        before = Counted.walks
        build_snapshot(settings, NoEngines(), None, catalog=replace(only_shipped, models=Counted(only_shipped.models)))
        walked.append(Counted.walks - before)
    assert walked[0] == walked[1] > 0


def test_models_of_providers_and_engines_get_no_routes_of_the_catalog() -> None:
    made = Catalog.of([
        facts("provider:groq", row("gpt-x", lists_chat=True), gateway="groq"),
        facts("local", row("demo", key="chat", type="chat"), gateway="local"),
    ], NOW)  # fmt: skip
    settings = Settings.model_validate({
        "chutes_api_key": "cpk_0123456789abcdef",
        "providers": {"groq": {"base_url": "https://groq.example/v1"}},
    })  # fmt: skip
    assert made.find("groq/gpt-x") is not None and made.find("demo") is not None
    assert not build_snapshot(settings, NoEngines(), None, catalog=made).routes


@pytest.mark.parametrize(
    ("meant", "first"),
    [("DeepSeek-R1", "deepseek-ai/DeepSeek-R1"), ("deepseek-ai/deepseek_r1", "deepseek-ai/DeepSeek-R1"),
     ("qwen3-32", "Qwen/Qwen3-32B"), ("wisper-large-v3", "whisper-large-v3")],
)  # fmt: skip
def test_an_unknown_name_gets_the_closest_ones(catalog: Catalog, meant: str, first: str) -> None:
    assert closest(meant, catalog.by_id)[0] == first


def test_a_name_like_nothing_gets_no_suggestion(catalog: Catalog) -> None:
    assert closest("zzzzqqqq", catalog.by_id) == []


@pytest.mark.parametrize(
    ("demands", "said"),
    [
        (Demands(), ""),
        (Demands("fp8", 0.5, 32_768), ""),
        (Demands(min_quantization="bf16"), "m: is fp8, at least bf16 is demanded"),
        (Demands(min_quantization="FP8"), ""),
        (Demands(min_quantization="int4"), ""),
        (Demands(max_price=0.4), "m: costs $0.5 per 1M tokens, at most $0.4 is demanded"),
        (Demands(min_context=100_000), "m: has 65536 tokens of context, at least 100000 is demanded"),
    ],
)
def test_the_drift_guard_says_why_a_model_no_longer_fits(demands: Demands, said: str) -> None:
    known = row("m", "c-1", quantization="fp8", price_input=Price(0.5), context_length=65_536)
    assert drift(Catalog.of([facts("chutes", known)], NOW).models[0], demands) == said


@pytest.mark.parametrize(
    "demands", [Demands(min_quantization="int4"), Demands(max_price=100.0), Demands(min_context=1)]
)
def test_what_nobody_knows_cannot_be_promised(demands: Demands) -> None:
    said = drift(Catalog.of([facts("chutes", row("m"))], NOW).models[0], demands)
    assert "not known" in said or "no token price" in said


def test_a_demand_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="min_quantization: 'fp7' is not known"):
        Demands("fp7")
    assert not Demands() and Demands(max_price=0.0) and Demands(min_context=0)


def test_what_could_stand_in_is_looked_for_once_a_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def note(name: str, *rest: Any, **more: Any) -> list[str]:
        asked.append(name)
        return []

    monkeypatch.setattr("gateway.catalog.drift.closest", note)
    settings = Settings.model_validate({
        "chutes_api_key": "cpk_0123456789abcdef",
        "models": {"a": {"provider": "chutes", "model": "gone/one"}, "b": {"provider": "chutes", "model": "gone/two"}},
    })  # fmt: skip
    catalog = platform_catalog()
    for _ in range(3):
        assert build_snapshot(settings, NoEngines(), None, catalog=catalog).routes["a"].notes
    assert asked == ["gone/one", "gone/two"]


def test_a_model_that_is_gone_gets_a_replacement(catalog: Catalog) -> None:
    assert replacement(catalog, "other-owner/Qwen3-32B") == "Qwen/Qwen3-32B"
    assert replacement(catalog, "deepseek-ai/DeepSeek-R1-0528") == "deepseek-ai/DeepSeek-R1"
    assert replacement(catalog, "zzzzqqqq") == ""
