"""The merge: how rows find their model, whom is believed, and that nothing is lost whatever comes.

Rows of docs/acceptance.md: A001-03, A001-08, A004-08, A004-10, A004-11.
"""

import gc
from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.catalog.catalog import Catalog
from gateway.catalog.facts import Facts, ModelFacts, Price, PriceKind
from gateway.catalog.merge import Merged, merge
from gateway.catalog.report import report_document
from tests.catalog.documents import NOW
from tests.catalog.merging import facts, platform_catalog, platform_facts, row


def matched(merged: Merged) -> dict[str, str]:
    return {match.row: match.method for match in merged.report.matches}


@pytest.mark.parametrize(
    ("listed", "asked", "method"),
    [
        (row("org/A", "c-1"), row("another name", "c-1"), "chute_id"),
        (row("org/Model-7B", "c-1"), row("org/Model-7B"), "name"),
        (row("rednote-hilab/dots.ocr", "c-1"), row("rednote-hilab/dots_ocr"), "normalised name"),
        (row("Qwen/Qwen3-32B", "c-1"), row("chutes/qwen/qwen3-32b"), "normalised name"),
        (row("org/Model", "c-1"), row("served-model", root="org/Model"), "id pattern"),
        (row("org/Model", "c-1", slug="chutes-served-model"), row("served-model"), "id pattern"),
        (row("whisper-large-v3", "c-1"), row("openai/whisper-large-v3"), "name without owner"),
        (row("NousResearch/Hermes-4-70B", "c-1"), row("NousReserch/Hermes-4-70B"), "likeness"),
    ],
)
def test_a_row_is_matched_by_the_first_way_that_fits(listed: ModelFacts, asked: ModelFacts, method: str) -> None:
    merged = merge([facts("chutes", listed), facts("llm", asked)])
    assert len(merged.models) == 1 and matched(merged) == {asked.name: method}
    assert merged.models[0].origins == ("chutes", "llm") and merged.models[0].id == listed.name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("deepseek-ai/DeepSeek-R1", "deepseek-ai/DeepSeek-V3"),
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-80B"),
        ("zai-org/GLM-4.5-FP8", "zai-org/GLM-4.6-FP8"),
        ("Qwen/Qwen3-30B-A3B", "Qwen/Qwen3-30B-A3B-Instruct"),
        ("zai-org/GLM-4.5", "zai-org/GLM-4.5-Air"),
        ("deepseek-ai/DeepSeek-R1", "deepseek-ai/DeepSeek-R1-TEE"),
        ("unsloth/gemma-3-4b-it", "google/gemma-3-4b-it"),
    ],
)
def test_names_that_mean_two_models_are_never_joined(one: str, other: str) -> None:
    assert len(merge([facts("chutes", row(one, "c-1")), facts("llm", row(other))]).models) == 2


def test_two_chute_ids_are_two_models_however_alike_their_names() -> None:
    merged = merge([facts("chutes", row("org/A", "c-1")), facts("llm", row("org/A", "c-2"))])
    assert [(model.id, model.chute_id) for model in merged.models] == [("org/A", "c-1"), ("org/A@c-2", "c-2")]


def test_a_row_that_several_models_could_claim_is_reported_and_joined_to_none() -> None:
    twins = facts("chutes", row("whisper", "c-1", username="chutes"), row("whisper", "c-2", username="bob"))
    merged = merge([twins, facts("llm", row("whisper", quantization="fp8"))])
    assert sorted(model.id for model in merged.models) == ["whisper", "whisper@bob", "whisper@whisper"]
    (doubt,) = merged.report.ambiguous
    assert (doubt.row, doubt.method, doubt.candidates) == ("whisper", "name", ("whisper (c-1)", "whisper (c-2)"))
    assert all(not model.quantization for model in merged.models if model.chute_id)


def test_the_platforms_own_chute_keeps_the_plain_name() -> None:
    merged = merge([facts("chutes", row("m", "c-1", username="bob", invocation_count=9),
                          row("m", "c-2", username="chutes"))])  # fmt: skip
    assert {model.id: model.chute_id for model in merged.models} == {"m": "c-2", "m@bob": "c-1"}


def test_models_of_different_gateways_are_never_joined() -> None:
    merged = merge([
        facts("chutes", row("gpt-oss-20b", "c-1")),
        facts("provider:groq", row("gpt-oss-20b", lists_chat=True), gateway="groq"),
        facts("local", row("gpt-oss-20b", key="chat", type="chat"), gateway="local"),
    ])  # fmt: skip
    assert {model.id: model.gateway for model in merged.models} == {
        "gpt-oss-20b": "local", "gpt-oss-20b@c-1": "chutes", "groq/gpt-oss-20b": "groq",
    }  # fmt: skip


def test_each_field_is_of_the_source_that_is_trusted_for_it_and_both_values_are_kept() -> None:
    catalog = platform_catalog()
    model = catalog.models[catalog.by_id["Qwen/Qwen3-32B"]]
    assert model.usd(PriceKind.INPUT) == 0.08 and model.provenance["price_input"] == "chutes"
    assert model.quantization == "bf16" and model.provenance["quantization"] == "llm"
    assert model.tee is True and model.provenance["tee"] == "chutes"
    found = {one.field: (one.chosen, one.values) for one in model.conflicts}
    assert found["price_input"] == ("chutes", {"chutes": Price(0.08, 0.0002), "llm": Price(0.1)})
    assert found["tee"] == ("chutes", {"chutes": True, "llm": False})
    assert "price_output" not in found


def test_load_is_of_the_freshest_source() -> None:
    catalog = platform_catalog()
    model = catalog.models[catalog.by_id["deepseek-ai/DeepSeek-R1"]]
    assert (model.instances, model.active_instances, model.utilization) == (12, 11, 0.71)
    assert (model.tps, model.ttft, model.requests_per_day) == (25.0, 1.25, 200)
    assert model.provenance["instances"] == "utilization"
    assert model.origins == ("chutes", "llm", "utilization", "statistics")


def test_models_of_one_source_are_kept_with_their_origin_and_hints_of_nobody_are_reported() -> None:
    catalog = platform_catalog()
    alone = catalog.models[catalog.by_id["moonshotai/Kimi-K2-Instruct-0905"]]
    assert alone.origins == ("llm",) and alone.matches == {"llm": "origin"} and alone.prices == {}
    assert ("utilization", "[private chute]") in catalog.report.unmatched
    assert catalog.notes["pricing"]["tao_usd"] == 400.0


def test_the_report_accounts_for_every_row() -> None:
    sources = platform_facts()
    report = merge(sources).report
    for one in report.sources:
        assert one.rows == one.origin + sum(one.matched.values()) + one.unmatched
    document = report_document(report)
    assert document["models"] == 11 and document["matched"]["chute_id"] >= 2
    assert {match["method"] for match in document["matches"]} >= {"chute_id", "name", "normalised name"}


def test_a_stale_source_keeps_its_rows_and_says_why() -> None:
    merged = merge([facts("chutes", row("a", "c-1"), stale="it broke"), facts("llm", row("a", "c-1"), row("b"))])
    by_id = {model.id: model for model in merged.models}
    assert by_id["a"].stale == {"chutes": "it broke"} and by_id["b"].stale == {}
    assert {one.source: one.stale for one in merged.report.sources} == {"chutes": "it broke", "llm": ""}


def test_a_chute_listed_twice_is_one_model_and_the_second_row_is_reported() -> None:
    merged = merge([facts("chutes", row("a", "c-1", tee=True), row("a", "c-1", tee=False))])
    assert len(merged.models) == 1 and merged.report.rejected[0].reason == "the source lists it twice"


def test_whoever_looks_for_garbage_need_not_look_at_models() -> None:
    """Python looks on whatever thread comes by, mostly that of the event loop, and all wait for it."""
    merged = merge([
        facts("chutes", row("org/m", "c-1", price_input=Price(1.0), context_length=1)),
        facts("llm", row("org/m", "c-1", price_input=Price(2.0), context_length=2)),
    ])  # fmt: skip
    (model,), report = merged.models, merged.report
    parts = (*model.prices.values(), *model.conflicts, *report.matches, *report.conflicts)
    assert len(parts) == 6 and not [one for one in (model, *parts) if gc.is_tracked(one)]


def test_equal_lists_are_kept_once() -> None:
    """Thousands of models have the same few: that many objects fewer to keep, and to look through for garbage."""
    rows = [row(f"org/m-{n}", features=tuple(sorted({"json", "tools"})), gpus=("h100", f"gpu-{n}")) for n in range(2)]
    one, other = merge([facts("chutes", *rows)]).models
    assert one.features is other.features and one.origins is other.origins and one.gpus != other.gpus


def test_the_most_called_models_are_popular_and_running_ones_hot() -> None:
    calls = [row(f"org/m{n}", f"c-{n}", invocation_count=n, hot=n % 2 == 0) for n in range(50)]
    models = {model.id: model.tags for model in merge([facts("chutes", *calls)]).models}
    assert models["org/m49"] == ("popular",) and models["org/m30"] == ("hot", "popular")
    assert models["org/m29"] == () and models["org/m0"] == ("hot",)


# --- whatever comes --------------------------------------------------------------------------------------

_NAMES = st.sampled_from(
    ["org/Alpha-7B", "org/alpha_7b", "Alpha-7B", "org/Alpha-70B", "Beta", "beta", "b/Beta-Instruct", "Gamma 3", "x"]
)
_IDS = st.sampled_from(["", "c-1", "c-2", "c-3", "c-4"])
_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "quantization": st.sampled_from(["fp8", "bf16"]),
        "context_length": st.integers(1, 9),
        "price_input": st.builds(Price, st.sampled_from([0.1, 0.2])),
        "username": st.sampled_from(["chutes", "bob"]),
        "invocation_count": st.integers(0, 5),
        "features": st.sampled_from([("tools",), ("tools", "json_mode")]),
        "hot": st.booleans(),
    },
)
_ROWS = st.lists(
    st.builds(lambda name, id, n, fields: ModelFacts(f"{id or name}{n}", name, id, fields), _NAMES, _IDS,
              st.sampled_from(["", "", "!"]), _FIELDS),
    max_size=7,
)  # fmt: skip


def _sources(lists: list[list[ModelFacts]]) -> list[Facts]:
    names = ("chutes", "llm", "snapshot", "utilization", "provider:groq")
    return [
        Facts(name, "groq" if name.startswith("provider") else "chutes", tuple(rows), at=NOW,
              annotates=name == "utilization")
        for name, rows in zip(names, lists, strict=True)
    ]  # fmt: skip


def _seen(merged: Merged) -> Iterable[object]:
    return (merged.models, merged.report.matches, merged.report.conflicts, merged.report.unmatched)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.tuples(_ROWS, _ROWS, _ROWS, _ROWS, _ROWS).map(list), st.randoms(use_true_random=False))
def test_the_order_of_sources_and_rows_does_not_matter(lists: list[list[ModelFacts]], random: object) -> None:
    first = merge(_sources(lists))
    shuffled = _sources([random.sample(rows, len(rows)) for rows in lists])  # type: ignore[attr-defined]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert _seen(merge(shuffled)) == _seen(first)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.tuples(_ROWS, _ROWS, _ROWS, _ROWS, _ROWS).map(list))
def test_no_row_is_lost_and_merging_again_changes_nothing(lists: list[list[ModelFacts]]) -> None:
    sources = _sources(lists)
    merged = merge(sources)
    assert _seen(merge(sources)) == _seen(merged)
    assert len({model.id for model in merged.models}) == len(merged.models)
    for source, rows in zip(sources, lists, strict=True):
        joined = sum(source.source in model.origins for model in merged.models)
        unmatched = sum(name == source.source for name, _ in merged.report.unmatched)
        twice = sum(one.source == source.source for one in merged.report.rejected)
        assert joined + unmatched + twice == len(rows)
    for model in merged.models:
        assert set(model.provenance.values()) <= set(model.origins)
        assert len({one.chosen for one in model.conflicts} - set(model.origins)) == 0


@settings(max_examples=60, deadline=None)
@given(st.tuples(_ROWS, _ROWS).map(list))
def test_a_catalog_can_be_made_of_whatever_was_merged(lists: list[list[ModelFacts]]) -> None:
    catalog = Catalog.of(_sources([*lists, [], [], []]), NOW)
    assert len(catalog.documents) == len(catalog.models)
    assert all(catalog.find(model.id) == model for model in catalog.models)
