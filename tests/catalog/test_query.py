"""Every filter, every sort, paging and facets over the pure catalog.

Rows of docs/acceptance.md: A001-08, A001-09, A001-11, A004-09.
"""

from typing import Any

import pytest

from gateway.catalog.catalog import FACETS, SORTS, Catalog
from gateway.catalog.query import Query, facet_counts, select
from gateway.errors import InvalidRequest
from gateway.openai_api.operations import ModelType
from tests.catalog.documents import NOW, chute
from tests.catalog.merging import facts, platform_catalog, row


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return platform_catalog()


def ids(catalog: Catalog, **query: Any) -> list[str]:
    return [catalog.models[n].id for n in select(catalog, Query(**query)).positions]


@pytest.mark.parametrize(
    ("facet", "values", "found"),
    [
        ("gateway", ("chutes",), 11),
        ("gateway", ("all",), 11),
        ("gateway", ("nobody",), 0),
        ("provider", ("Qwen",), 2),
        ("provider", ("qwen", "deepseek-ai"), 3),
        ("type", ("Embeddings",), 1),
        ("type", ("embedding",), 1),
        ("type", ("speech to text", "video"), 2),
        ("modality", ("audio",), 2),
        ("modality", ("embeddings",), 1),
        ("feature", ("tools",), 3),
        ("quantization", ("bf16",), 1),
        ("tag", ("hot",), 9),
        ("tag", ("best for*",), 1),
        ("tier", ("Budget",), 3),
        ("tier", ("Enterprise",), 3),
        ("template", ("diffusion",), 1),
        ("origin", ("utilization",), 1),
        ("gpu", ("h200",), 10),
        ("tee", ("true",), 1),
        ("hot", ("false",), 1),
        ("public", ("false",), 1),
        ("stale", ("false",), 11),
        ("provider", ("*wen", "deep*"), 3),
    ],
)
def test_every_filter(catalog: Catalog, facet: str, values: tuple[str, ...], found: int) -> None:
    assert len(ids(catalog, facets={facet: values})) == found


def test_filters_must_all_fit(catalog: Catalog) -> None:
    assert ids(catalog, facets={"provider": ("Qwen",), "type": ("LLM",)}, min_context=100_000) == ["Qwen/Qwen3-32B"]


def test_context_and_price_leave_out_what_nobody_knows(catalog: Catalog) -> None:
    assert set(ids(catalog, min_context=1)) == {
        "deepseek-ai/DeepSeek-R1", "Qwen/Qwen3-32B", "rednote-hilab/dots.ocr",
    }  # fmt: skip
    assert ids(catalog, min_context=131_073) == []
    assert ids(catalog, max_price=0.08) == ["Qwen/Qwen3-32B"]
    assert ids(catalog, max_price=0.0799) == []


@pytest.mark.parametrize(
    ("q", "found"),
    [("whisper", ["whisper-large-v3"]), ("QWEN 32b", ["Qwen/Qwen3-32B"]), ("c-flux", ["FLUX.1-schnell"]),
     ("everybody qwen3-emb", ["Qwen/Qwen3-Embedding-8B"]), ("nothing like it", [])],
)  # fmt: skip
def test_words_may_stand_anywhere(catalog: Catalog, q: str, found: list[str]) -> None:
    assert ids(catalog, q=q) == found


@pytest.mark.parametrize("field", sorted(SORTS))
def test_every_field_sorts_both_ways_with_the_unknown_last(catalog: Catalog, field: str) -> None:
    value = SORTS[field]

    def known(order: list[str]) -> list[Any]:
        values = [value(model) for id in order if (model := catalog.find(id))]
        there = [v.lower() if isinstance(v, str) else v for v in values if v is not None and v != ""]
        assert all(v is None or v == "" for v in values[len(there) :])
        return there

    up, down = ids(catalog, sort=field), ids(catalog, sort=f"-{field}")
    assert known(up) == sorted(known(up)) and known(down) == sorted(known(down), reverse=True)
    assert set(up) == set(down) == set(catalog.by_id)


def test_pages_follow_one_another_without_gap(catalog: Catalog) -> None:
    whole = ids(catalog, sort="-invocation_count")
    pages = [ids(catalog, sort="-invocation_count", limit=4, offset=offset) for offset in (0, 4, 8, 12)]
    assert [id for page in pages for id in page] == whole and pages[3] == []
    assert select(catalog, Query(limit=4)).total == 11


def test_facets_count_what_fits(catalog: Catalog) -> None:
    counts = facet_counts(catalog, select(catalog, Query(facets={"provider": ("Qwen",)})).mask)
    assert counts["type"] == {"chat": 1, "embedding": 1, "embeddings": 1, "llm": 1}
    assert counts["tee"] == {"false": 1, "true": 1} and counts.keys() == FACETS.keys()


def test_within_bounds_what_is_found(catalog: Catalog) -> None:
    public = catalog.masks["public"]["true"]
    assert select(catalog, Query(), public).total == 10
    assert select(catalog, Query(facets={"provider": ("acme",)}), public).total == 0


def test_what_cannot_be_asked_is_named(catalog: Catalog) -> None:
    with pytest.raises(InvalidRequest, match=r"'sort': there is no field 'contxt_length' \(closest: context_length"):
        select(catalog, Query(sort="contxt_length"))
    with pytest.raises(InvalidRequest, match="'colour': is no filter"):
        select(catalog, Query(facets={"colour": ("red",)}))


@pytest.mark.parametrize("type", [*ModelType, "LLM", "Music Generation", "other"])
def test_a_type_that_no_model_has_now_finds_nothing(type: str) -> None:
    assert select(Catalog(), Query(facets={"type": (type,)})).total == 0


def test_a_type_that_cannot_be_is_told_with_those_there_are(catalog: Catalog) -> None:
    known = r"'type': there is no type 'chatt' \(known: chat, embedding, .*moderation, LLM, .*Music Generation, Other\)"
    with pytest.raises(InvalidRequest, match=known):
        select(catalog, Query(facets={"type": ("chat", "Chatt")}))


def test_an_empty_catalog_answers_everything() -> None:
    empty = Catalog()
    page = select(empty, Query(facets={"provider": ("a",)}, q="x", min_context=1, max_price=1.0, sort="-price_input"))
    assert (page.positions, page.total, page.mask) == ((), 0, 0)


def test_a_model_is_found_by_any_of_its_names(catalog: Catalog) -> None:
    for name in ("deepseek-ai/DeepSeek-R1", "c-r1", "chutes-deepseek-ai-deepseek-r1", "deepseek-ai/deepseek-r1"):
        found = catalog.find(name)
        assert found is not None and found.id == "deepseek-ai/DeepSeek-R1"
    assert catalog.find("nothing") is None


def test_masks_agree_with_the_models_one_by_one() -> None:
    rows = [row(chute(f"o{n % 7}/m{n}")["name"], f"c-{n}", tee=n % 3 == 0, quantization=("fp8", "bf16")[n % 2])
            for n in range(300)]  # fmt: skip
    catalog = Catalog.of([facts("chutes", *rows)], NOW)
    query = Query(facets={"provider": ("o3", "o5"), "tee": ("true",), "quantization": ("fp8",)}, sort="-id")
    slow = [m.id for m in catalog.models if m.provider_slug in ("o3", "o5") and m.tee and m.quantization == "fp8"]
    assert [catalog.models[n].id for n in select(catalog, query).positions] == sorted(slow, key=str.lower, reverse=True)
