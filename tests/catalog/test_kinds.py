"""Categories, modalities, tiers, hints and prices as they are shown.

Rows of docs/acceptance.md: A000-19, A001-02, A001-04, A001-05, A001-06, A001-11, A001-14.
"""

from typing import Any

import orjson
import pytest

from gateway.catalog.catalog import Catalog
from gateway.catalog.facts import Price, PriceKind
from gateway.catalog.kinds import tier
from gateway.catalog.prices import per_token_text
from gateway.catalog.sources.snapshot import Snapshot
from tests.catalog.documents import NOW
from tests.catalog.merging import facts, platform_catalog, row


@pytest.mark.parametrize(
    ("name", "fields", "category", "type", "inputs", "outputs"),
    [
        ("deepseek-ai/DeepSeek-R1", {"template": "vllm"}, "LLM", "chat", ("text",), ("text",)),
        ("Qwen/Qwen2.5-VL-72B", {"template": "vllm"}, "LLM", "chat", ("text", "image"), ("text",)),
        ("whisper-large-v3", {}, "Speech to Text", "transcription", ("audio",), ("text",)),
        ("whisper-large-v3", {"input_modalities": ("text",), "output_modalities": ("text",)},
         "Speech to Text", "transcription", ("audio",), ("text",)),
        ("rednote-hilab/dots.ocr", {"template": "vllm"}, "LLM", "ocr", ("image",), ("text",)),
        ("Qwen/Qwen3-Embedding-8B", {"template": "vllm"}, "Embeddings", "embedding", ("text",), ("embeddings",)),
        ("BAAI/bge-m3", {}, "Embeddings", "embedding", ("text",), ("embeddings",)),
        ("BAAI/bge-reranker-large", {}, "Other", "rerank", ("text",), ("text",)),
        ("nsfw-classifier", {}, "Content Moderation", None, ("image",), ("text",)),
        ("omni-moderation-latest", {}, "Content Moderation", "moderation", ("text",), ("text",)),
        ("my-own-thing", {"type": "moderation"}, "Content Moderation", "moderation", ("text",), ("text",)),
        ("kokoro", {}, "Text to Speech", "speech", ("text",), ("audio",)),
        ("wan2.1-14b", {}, "Video", None, ("text",), ("video",)),
        ("diffrhythm", {}, "Music Generation", None, ("text",), ("audio",)),
        ("FLUX.1-schnell", {}, "Image Generation", "image", ("text",), ("image",)),
        ("qwen-image-edit-2509", {}, "Other", "image", ("text", "image"), ("image",)),
        ("chroma", {"template": "diffusion"}, "Image Generation", "image", ("text",), ("image",)),
        ("something", {"output_modalities": ("image",)}, "Image Generation", "image", ("text",), ("image",)),
        ("my-own-thing", {}, "Other", None, (), ()),
        ("my-own-thing", {"lists_chat": True}, "LLM", "chat", ("text",), ("text",)),
        ("my-own-thing", {"type": "ocr"}, "LLM", "ocr", ("image",), ("text",)),
    ],
)  # fmt: skip
def test_what_a_model_is_and_what_goes_in_and_out(
    name: str, fields: dict[str, Any], category: str, type: str | None, inputs: Any, outputs: Any
) -> None:
    (model,) = Catalog.of([facts("chutes", row(name, "c-1", **fields))], NOW).models
    assert (model.model_type, model.type) == (category, type)
    assert (model.input_modalities, model.output_modalities) == (inputs, outputs)


@pytest.mark.parametrize(
    ("hourly", "name"),
    [(0, "Free"), (0.01, "Budget"), (0.13, "Budget"), (1.999, "Budget"), (2, "Standard"), (5.99, "Standard"),
     (6, "Premium"), (21.99, "Premium"), (22, "Enterprise"), (36.3, "Enterprise"), (100, "Enterprise")],
)  # fmt: skip
def test_tiers_are_half_open(hourly: float, name: str) -> None:
    assert tier({PriceKind.HOUR: Price(hourly)}) == name


def test_without_an_hourly_price_there_is_no_tier_unless_tokens_are_free() -> None:
    assert tier({PriceKind.INPUT: Price(0.1), PriceKind.OUTPUT: Price(0.2)}) is None
    assert tier({PriceKind.INPUT: Price(0.0), PriceKind.OUTPUT: Price(0.0)}) == "Free"
    assert tier({}) is None


@pytest.mark.parametrize(
    ("per_million", "text"),
    [(None, None), (0.0, "0"), (0.03, "0.00000003"), (22.0, "0.000022"), (1e-9, "0.000000000000001"), (2e6, "2")],
)
def test_prices_per_token_are_exact_decimal_strings(per_million: float | None, text: str | None) -> None:
    assert per_token_text(per_million) == text


def test_the_record_has_the_fields_of_document_001() -> None:
    catalog = Catalog.of([Snapshot().read(Snapshot().load(), NOW)], NOW)
    record = orjson.loads(catalog.documents[catalog.by_id["deepseek-ai/DeepSeek-R1"]])
    wanted = {
        "id": "deepseek-ai/DeepSeek-R1", "slug": "deepseek-ai/DeepSeek-R1", "name": "DeepSeek-R1",
        "canonical_slug": "deepseek-ai/DeepSeek-R1", "provider_slug": "deepseek-ai", "source_gateway": "chutes",
        "description": "Chutes.ai hosted LLM model: deepseek-ai/DeepSeek-R1. Pricing: $22.0/hr.",
        "model_type": "LLM", "tags": ["hot", "popular"], "tier": "Enterprise", "hints": ["best for reasoning/code"],
    }  # fmt: skip
    assert {key: record[key] for key in wanted} == wanted
    assert record["pricing"]["hourly_rate"] == "22.0"
    assert record["pricing"]["prompt"] is None and record["pricing"]["completion"] is None
    assert record["architecture"]["modality"] == "text->text"
    assert record["stale"]["snapshot"].endswith("2025-10-08")
    further = {"hugging_face_id", "created", "context_length", "per_request_limits", "supported_parameters",
               "default_parameters", "provider_site_url", "model_logo_url"}  # fmt: skip
    assert further <= record.keys() and {"request", "image", "web_search"} <= record["pricing"].keys()


def test_live_records_hold_each_price_with_unit_and_date() -> None:
    catalog = platform_catalog()
    record = orjson.loads(catalog.documents[catalog.by_id["deepseek-ai/DeepSeek-R1"]])
    assert record["prices"]["input"] == {"usd": 0.3, "usd_max": None, "tao": 0.00075, "unit": "1M tokens", "at": NOW}
    assert record["pricing"]["prompt"] == "0.0000003" and record["pricing"]["hourly_rate"] == "99.0"
    step = orjson.loads(catalog.documents[catalog.by_id["FLUX.1-schnell"]])
    assert step["prices"] == {"step": {"usd": 0.001, "usd_max": None, "tao": None, "unit": "step", "at": NOW}}
