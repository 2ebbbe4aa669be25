"""Each source against a real server: what it asks, what it reads, and what becomes of answers that are no good.

Rows of docs/acceptance.md: A001-01, A001-04, A001-15, A001-17, A004-01, A004-02, A004-03, A004-04, A004-12.
"""

from datetime import date
from typing import Any

import pytest

from gateway.catalog.client import JsonClient
from gateway.catalog.facts import Facts, ModelFacts, Price
from gateway.catalog.sources.chutes import ChutesList
from gateway.catalog.sources.detail import ChuteDetails
from gateway.catalog.sources.llm import LlmModels
from gateway.catalog.sources.local import LocalEngines
from gateway.catalog.sources.pricing import GpuPricing
from gateway.catalog.sources.provider import ProviderModels
from gateway.catalog.sources.snapshot import Snapshot
from gateway.catalog.sources.statistics import Statistics
from gateway.catalog.sources.utilization import Utilization
from gateway.errors import GatewayError
from gateway.providers.base import Provider
from tests.catalog.documents import CHUTES, NOW, chute, listed
from tests.catalog.platform import FAULTS, FakePlatform
from tests.fakes.board import FakeBoard, FakeEngine
from tests.fakes.http_server import Exchange, HttpServer


def by_name(facts: Facts) -> dict[str, ModelFacts]:
    return {row.name: row for row in facts.models}


async def heard(source: Any, client: JsonClient) -> Facts:
    facts: Facts = source.read(await source.fetch(client), NOW)
    return facts


async def test_the_list_of_chutes_is_read_to_its_last_page(platform: FakePlatform, client: JsonClient) -> None:
    platform.chutes = [chute(f"org/model-{n}") for n in range(250)]
    facts = await heard(ChutesList(platform.url, "cpk_key"), client)
    assert len(facts.models) == 250 and not facts.rejected
    assert platform.asked("/chutes/") == 3
    assert "include_public=true" in platform.server.requests[0].query
    assert platform.server.requests[0].key == "cpk_key"


@pytest.mark.parametrize(
    ("told", "created"),
    [
        ("2025-06-15T15:06:40", 1_750_000_000),
        ("2025-06-15T15:06:40.123456Z", 1_750_000_000),
        ("2025-06-15T17:06:40+02:00", 1_750_000_000),
        (1_750_000_000, 1_750_000_000),
        ("yesterday", None),
        ("", None),
        (None, None),
        ("0001-01-01T00:00:00", None),
        ({"at": 1}, None),
        (True, None),
    ],
)
def test_when_a_chute_was_made(told: object, created: int | None) -> None:
    read = ChutesList("http://h").read({"items": [chute("org/model", created_at=told)]}, NOW)
    assert read.models[0].fields.get("created") == created


@pytest.mark.parametrize(
    ("total", "page_limit"),
    [(10, 100), (100_000, 100), (None, 30), (0, 100), (250, 250)],
)
async def test_a_list_that_lies_about_its_paging_is_still_read_whole(
    platform: FakePlatform, client: JsonClient, total: int | None, page_limit: int
) -> None:
    platform.chutes = [chute(f"org/model-{n}") for n in range(200)]
    platform.total, platform.page_limit = total, page_limit
    assert len((await heard(ChutesList(platform.url, "k"), client)).models) == 200


async def test_a_list_that_sends_the_same_page_for_ever_ends(platform: FakePlatform, client: JsonClient) -> None:
    platform.chutes = [chute(f"org/model-{n}") for n in range(100)]
    platform.ignores_page, platform.total = True, 10**9
    assert len((await heard(ChutesList(platform.url, "k"), client)).models) == 100
    assert platform.asked("/chutes/") == 2


async def test_without_a_key_the_public_half_is_read(platform: FakePlatform, client: JsonClient) -> None:
    names = by_name(await heard(ChutesList(platform.url), client))
    assert "acme/private-tune" not in names and "deepseek-ai/DeepSeek-R1" in names
    assert platform.server.requests[0].key == ""


async def test_every_price_form_is_read_and_no_token_price_is_made_of_an_hourly_one(
    platform: FakePlatform, client: JsonClient
) -> None:
    rows = by_name(await heard(ChutesList(platform.url, "k"), client))

    def prices(name: str) -> dict[str, Price]:
        return {key: value for key, value in rows[name].fields.items() if key.startswith("price_")}

    assert prices("deepseek-ai/DeepSeek-R1") == {
        "price_input": Price(0.3, 0.3 / 400), "price_output": Price(1.2, 1.2 / 400), "price_hour": Price(99.0),
    }  # fmt: skip
    assert prices("whisper-large-v3") == {"price_hour": Price(0.5)}
    assert prices("FLUX.1-schnell") == {"price_step": Price(0.001)}
    assert prices("kokoro") == {"price_request": Price(0.0002)}
    assert prices("wan2.1-14b") == {"price_hour": Price(1.8, None, 3.6)}
    assert prices("Qwen/Qwen3-Embedding-8B") == {"price_hour": Price(0.5)}
    assert prices("rednote-hilab/dots.ocr") == {} and prices("openai/gpt-external") == {}
    assert rows["deepseek-ai/DeepSeek-R1"].fields["price_input"].at == NOW


async def test_shared_cords_null_images_and_missing_lists_are_understood(
    platform: FakePlatform, client: JsonClient
) -> None:
    rows = by_name(await heard(ChutesList(platform.url, "k"), client))
    whisper, external = rows["whisper-large-v3"].fields, rows["openai/gpt-external"].fields
    assert whisper["cords"] == ("/transcribe",) and "image" not in whisper
    assert whisper["instances"] == 2 and whisper["active_instances"] == 1
    assert "instances" not in external and "username" not in external and "public" not in external
    assert rows["wan2.1-14b"].fields["instances"] == 0


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (None, "is not an object"),
        ("text", "is not an object"),
        ({"chute_id": "x"}, "has no name"),
        ({"chute_id": "x", "name": "n" * 300}, "has no name"),
        ({"name": "nameless-id"}, "has no chute_id"),
    ],
)
def test_rows_that_are_no_chutes_are_rejected_with_the_reason(item: Any, reason: str) -> None:
    facts = ChutesList("http://h").read({"items": [item, CHUTES[0]]}, NOW)
    assert [row.name for row in facts.models] == ["deepseek-ai/DeepSeek-R1"]
    assert [one.reason for one in facts.rejected] == [reason]


def test_values_of_the_wrong_kind_count_as_not_said() -> None:
    odd = chute(
        "a/b", slug=7, tee="yes", hot=None, invocation_count=-4, concurrency="12", supported_gpus="h100",
        instances="many", current_estimated_price={"per_million_tokens": {"input": {"usd": "nan"}, "output": "x"}},
        node_selector=[], image="x", tagline="two\nlines \u202ereversed",
    )  # fmt: skip
    fields = ChutesList("http://h").read({"items": [odd]}, NOW).models[0].fields
    assert fields["concurrency"] == 12 and fields["description"] == "two lines reversed"
    assert not {"slug", "tee", "hot", "invocation_count", "gpus", "instances", "price_input", "image"} & fields.keys()


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "slow"])
async def test_an_answer_that_is_no_good_is_an_error_and_never_a_crash(
    platform: FakePlatform, client: JsonClient, fault: str
) -> None:
    platform.faults["*"] = fault
    for source in (ChutesList(platform.url), LlmModels(platform.url), Utilization(platform.url),
                   Statistics(platform.url), GpuPricing(platform.url)):  # fmt: skip
        with pytest.raises(GatewayError):
            await source.fetch(client)


async def test_a_key_is_never_sent_without_tls_unless_that_is_allowed(
    platform: FakePlatform, client: JsonClient
) -> None:
    careful = JsonClient(client.transport)
    with pytest.raises(GatewayError, match="https only"):
        await ChutesList(platform.url, "cpk_key").fetch(careful)
    assert platform.server.requests == [] and await ChutesList(platform.url).fetch(careful)


async def test_a_silent_source_is_given_up_after_its_time(platform: FakePlatform, client: JsonClient) -> None:
    platform.faults["/v1/models"] = "slow"
    with pytest.raises(GatewayError):
        await client.get(f"{platform.url}/v1/models", timeout=0.1)


async def test_the_llm_host_tells_abilities_and_prices_per_million(platform: FakePlatform, client: JsonClient) -> None:
    rows = by_name(await heard(LlmModels(platform.url), client))
    fields = rows["deepseek-ai/DeepSeek-R1"].fields
    assert fields["context_length"] == 131_072 and fields["max_output_length"] == 65_536
    assert fields["features"] == ("json_mode", "tools", "reasoning") and fields["quantization"] == "fp8"
    assert fields["price_cache_read"] == Price(0.15) and fields["price_input"] == Price(0.3, 0.00075)
    assert "price_input" not in rows["moonshotai/Kimi-K2-Instruct-0905"].fields


async def test_details_are_asked_only_for_the_chutes_that_are_wanted(
    platform: FakePlatform, client: JsonClient
) -> None:
    facts = await heard(ChuteDetails(platform.url, ["c-kokoro", "gone"], "k"), client)
    assert [row.name for row in facts.models] == ["kokoro"] and facts.models[0].fields["cords"] == ("/speak",)
    with pytest.raises(GatewayError):
        await ChuteDetails(platform.url, ["gone"], "k").fetch(client)


async def test_utilization_tells_of_models_that_others_list(platform: FakePlatform, client: JsonClient) -> None:
    facts = await heard(Utilization(platform.url), client)
    assert facts.annotates and by_name(facts)["deepseek-ai/DeepSeek-R1"].fields["active_instances"] == 11


async def test_statistics_are_means_weighted_by_requests_of_the_last_days(
    platform: FakePlatform, client: JsonClient
) -> None:
    facts = await heard(Statistics(platform.url, today=lambda: date(2026, 11, 21)), client)
    assert platform.server.requests[0].query == "start_date=2026-11-18&end_date=2026-11-21"
    fields = by_name(facts)["deepseek-ai/DeepSeek-R1"].fields
    assert (fields["tps"], fields["ttft"], fields["requests_per_day"]) == (25.0, 1.25, 200)
    assert "tps" not in by_name(facts)["Qwen/Qwen3-32B"].fields


async def test_prices_of_gpus_and_tao_are_notes(platform: FakePlatform, client: JsonClient) -> None:
    facts = await heard(GpuPricing(platform.url), client)
    assert facts.notes == {"tao_usd": 400.0, "gpus": {"h100": {"usd_per_hour": 1.8}}, "at": NOW}


async def test_a_provider_lists_its_models_and_only_strings_are_prices_per_token(client: JsonClient) -> None:
    entries = [
        {"id": "big", "context_length": 8192, "pricing": {"prompt": "0.0000005", "completion": "0.000002"},
         "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]}},
        {"id": "odd", "pricing": {"prompt": 0.5}, "type": "embedding"},
        {"name": "named"}, {"id": 7},
    ]  # fmt: skip

    async def answer(exchange: Exchange) -> None:
        exchange.send_json(200 if exchange.request.key == "sk-1" else 401, {"data": entries})

    server = HttpServer(answer)
    server.start()
    source = ProviderModels(Provider("groq", "openai", f"{server.url}/openai/v1", api_keys=("sk-1",)))
    facts = await heard(source, client)
    server.stop()
    assert server.requests[0].path == "/openai/v1/models"
    rows = by_name(facts)
    assert rows.keys() == {"big", "odd", "named"} and facts.gateway == "groq"
    assert rows["big"].fields["price_input"] == Price(0.5) and rows["big"].fields["price_output"] == Price(2.0)
    assert "price_input" not in rows["odd"].fields and rows["odd"].fields["type"] == "embedding"


async def test_engines_of_this_machine_are_models(client: JsonClient) -> None:
    board = FakeBoard(FakeEngine("chat", "chat", "demo-chat", ""), FakeEngine("ears", "transcription", "ears-1", ""))
    facts = await heard(LocalEngines(board.statuses), client)
    assert {row.name: row.fields["type"] for row in facts.models} == {"demo-chat": "chat", "ears-1": "transcription"}


def test_the_bundled_snapshot_has_the_104_models_and_its_own_date() -> None:
    facts = Snapshot().read(Snapshot().load(), NOW)
    kinds: dict[str, int] = {}
    for row in facts.models:
        kinds[row.fields["model_type"]] = kinds.get(row.fields["model_type"], 0) + 1
    print(f"loaded {len(facts.models)} models: {kinds}")
    assert kinds == {
        "LLM": 69, "Image Generation": 19, "Content Moderation": 5, "Embeddings": 4, "Text to Speech": 2,
        "Speech to Text": 1, "Video": 1, "Music Generation": 1, "Other": 2,
    }  # fmt: skip
    assert facts.at == 1_759_881_600_000 and "2025-10-08" in facts.stale


def test_a_broken_snapshot_is_no_catalog_and_no_crash(tmp_path: Any) -> None:
    (tmp_path / "s.json").write_text("{")
    with pytest.raises(GatewayError):
        Snapshot(tmp_path / "s.json").load()
    with pytest.raises(GatewayError):
        Snapshot(tmp_path / "none.json").load()
    assert Snapshot().read({"models": {"LLM": None, "Video": {"a": "x"}}, "date": "soon"}, NOW).at == 0


def test_a_name_with_control_characters_is_cleaned() -> None:
    facts = LlmModels("http://h").read({"data": [listed("evil\x1b[31m\nname"), listed("")]}, NOW)
    assert [row.name for row in facts.models] == ["evil [31m name"] and len(facts.rejected) == 1
