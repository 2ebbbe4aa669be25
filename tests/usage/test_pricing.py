"""Costs: whole nano-dollars, never negative, never falling when more is used, never above what was reserved."""

import time
from decimal import ROUND_CEILING, Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.openai_api.call import Usage
from gateway.settings import Settings, load_settings
from gateway.usage.price_facts import CONFIGURED, configured_prices
from gateway.usage.pricing import PriceBook, blended, cost_nanos, most_nanos
from gateway.usage.types import Price

RATES = st.none() | st.decimals(0, 1_000, places=6).map(float)
COUNTS = st.none() | st.integers(0, 10**7)
PRICES = st.builds(Price, st.just("p"), st.just("m"), RATES, RATES, RATES, RATES, RATES, RATES)
USAGES = st.builds(
    Usage, COUNTS, COUNTS, COUNTS, st.none() | st.floats(0, 10**5), st.none() | st.integers(0, 10**4)
)  # fmt: skip
TOKENS = Price("p", "m", 0.08, 0.24, 0.04)


# --- what a request costs --------------------------------------------------------------------------------


@given(PRICES, USAGES)
def test_a_cost_is_a_whole_number_and_not_negative(price: Price, usage: Usage) -> None:
    cost = cost_nanos(price, usage)
    assert cost is None or (type(cost) is int and cost >= 0)


@given(PRICES, USAGES, st.sampled_from(["input_tokens", "output_tokens", "seconds", "pages"]), st.integers(1, 1000))
def test_more_use_never_costs_less(price: Price, usage: Usage, unit: str, more: int) -> None:
    values = {name: getattr(usage, name) for name in Usage.__struct_fields__}
    larger = Usage(**values | {unit: (values[unit] or 0) + more})
    before, after = cost_nanos(price, usage), cost_nanos(price, larger)
    assert before is None or (after is not None and after >= before)


@given(st.decimals(0, 1_000, places=6), st.decimals(0, 1_000, places=6), st.integers(0, 10**9), st.integers(0, 10**9))
def test_tokens_cost_exactly_what_the_price_says_rounded_up(
    input: Decimal, output: Decimal, tokens_in: int, tokens_out: int
) -> None:
    exact = (input * tokens_in + output * tokens_out) * 1000
    price = Price("p", "m", float(input), float(output))
    assert cost_nanos(price, Usage(tokens_in, tokens_out)) == int(exact.to_integral_value(ROUND_CEILING))


@pytest.mark.parametrize(
    ("price", "usage", "nanos"),
    [
        (TOKENS, Usage(1000, 100), 80 * 1000 + 240 * 100),
        (TOKENS, Usage(1000, 100, 600), 80 * 400 + 40 * 600 + 240 * 100),
        (TOKENS, Usage(1000, 100, 5000), 40 * 1000 + 240 * 100),
        (Price("p", "m", 0.08), Usage(1000, 100, 600), 80 * 1000),
        (Price("p", "m", per_minute=0.006), Usage(seconds=90.0), 9_000_000),
        (Price("p", "m", per_page=0.001), Usage(pages=3), 3_000_000),
        (Price("p", "m", per_request=0.005), None, 5_000_000),
        (Price("p", "m", per_request=0.005), Usage(requests=4), 20_000_000),
        (Price("p", "m", 0.0000001), Usage(1, 0), 1),
        (Price("p", "m", 0.0, 0.0), Usage(10, 10), 0),
        (TOKENS, Usage(-5, 10), 2400),
    ],
    ids=["tokens", "cached", "more cached than input", "no cached price", "audio", "pages", "request",
         "several requests", "rounded up", "free", "negative figures count as none"],
)  # fmt: skip
def test_each_unit_has_its_price(price: Price, usage: Usage | None, nanos: int) -> None:
    assert cost_nanos(price, usage) == nanos


@pytest.mark.parametrize(
    ("price", "usage"),
    [(None, Usage(1, 1)), (TOKENS, None), (TOKENS, Usage()), (TOKENS, Usage(seconds=3.0)), (Price("p", "m"), Usage(1))],
    ids=["no price", "no usage", "nothing told", "another unit", "an empty price"],
)
def test_a_cost_that_nobody_knows_is_none(price: Price | None, usage: Usage | None) -> None:
    assert cost_nanos(price, usage) is None


# --- what it can cost ------------------------------------------------------------------------------------


@given(PRICES, st.text(max_size=200), st.integers(0, 5_000), st.integers(1, 4), st.data())
def test_no_text_request_costs_more_than_was_reserved(
    price: Price, text: str, max_tokens: int, answers: int, data: st.DataObject
) -> None:
    size = len(text.encode())
    tokens = data.draw(st.integers(0, size + 512))
    usage = Usage(
        tokens, data.draw(st.integers(0, max_tokens * answers)), data.draw(st.none() | st.integers(0, tokens))
    )
    assert (cost_nanos(price, usage) or 0) <= most_nanos(price, size, max_tokens, 0, answers=answers)


def test_what_a_request_does_not_say_is_allowed_for() -> None:
    assert most_nanos(TOKENS, 0, None, 4096) == 512 * 80 + 4096 * 240
    assert most_nanos(TOKENS, 0, 10, 4096, answers=3) == 512 * 80 + 30 * 240
    assert most_nanos(TOKENS, 0, 0, 0, linked_images=1) == (512 + 16_384) * 80
    assert most_nanos(Price("p", "m", per_minute=0.6), 7_500, 0, 0) == 100_000_000
    assert most_nanos(Price("p", "m", per_page=0.001), 0, 0, 0, pages=3) == 3_000_000
    assert most_nanos(Price("p", "m", per_request=0.001), 0, 0, 0, requests=3) == 3_000_000
    assert most_nanos(None, 10**6, 10**6, 0) == 0


def test_a_blended_price_counts_three_of_input_for_one_of_output() -> None:
    assert blended(Price("p", "m", 1.0, 3.0)) == 1.5
    assert blended(Price("p", "m", per_minute=1.0)) is None


# --- which price holds -----------------------------------------------------------------------------------


def test_the_newest_price_that_is_valid_holds() -> None:
    now = time.time()
    facts = [Price("p", "m", float(n), valid_from=now + at) for n, at in ((1, -100), (3, 1e6), (2, -50), (4, 2e6))]
    found = PriceBook(facts).at("p", "m")
    assert found is not None and found.input_per_million == 2.0
    assert PriceBook(facts).at("p", "n") is None
    assert PriceBook(facts[1:2]).at("p", "m") is None


def test_a_price_that_begins_while_the_gateway_runs_holds_from_then_on() -> None:
    soon = time.time() + 0.05
    book = PriceBook([Price("p", "m", 1.0), Price("p", "m", 2.0, valid_from=soon)])
    holds = asked = 0.0
    while asked < soon:
        asked = time.time()
        found = book.at("p", "m")
        assert found is not None
        holds = found.input_per_million or 0.0
        assert holds == 1.0 or time.time() >= soon
    assert holds == 2.0


def test_configured_prices_win_and_engines_are_free() -> None:
    told = Price("p", "m", 1.0, valid_from=10.0, source="catalog")
    ours = Price("p", "m", 2.0, valid_from=5.0, source=CONFIGURED)
    book = PriceBook([told], [ours], free={"chat"})
    assert book.at("p", "m") is ours
    engine = book.at("chat", "anything")
    assert cost_nanos(engine, Usage(10, 10, None, 3.0, 2)) == 0
    assert PriceBook([], [Price("chat", "x", 5.0)], free={"chat"}).at("chat", "x") == Price("chat", "x", 5.0)


def test_a_price_that_was_taken_out_of_the_configuration_holds_no_more() -> None:
    told = Price("p", "m", 1.0, valid_from=5.0, source="catalog")
    gone = Price("p", "m", 2.0, valid_from=10.0, source=CONFIGURED)
    assert PriceBook([told, gone]).at("p", "m") is told


# --- the configuration -----------------------------------------------------------------------------------


def settings(text: str, folder: Path) -> Settings:
    path = folder / "gateway.yaml"
    path.write_text(text)
    return load_settings({}, path).settings


def test_prices_are_read_from_the_file(tmp_path: Path) -> None:
    text = "prices: {chutes/Qwen/Qwen3-32B: {input: 0.08, cachedInput: 0.04, per_page: 1}}"
    assert list(configured_prices(settings(text, tmp_path), 7.0)) == [
        Price("chutes", "Qwen/Qwen3-32B", 0.08, None, 0.04, None, 1.0, None, 7.0, CONFIGURED)
    ]


@pytest.mark.parametrize("key", ["qwen", "/qwen", "chutes/"])
def test_a_price_of_nobody_knows_what_is_refused_with_its_line(key: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"line 2, prices\..*provider/model"):
        list(configured_prices(settings(f"prices:\n  {key}: {{input: 1}}\n", tmp_path), 0.0))


@pytest.mark.parametrize("price", ["{input: -1}", "{inputs: 1}", "{output: cheap}"])
def test_a_price_that_is_none_is_refused(price: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 1, prices"):
        settings(f"prices: {{a/b: {price}}}", tmp_path)


def test_the_cache_has_variables_of_its_own() -> None:
    loaded = load_settings({"CACHE_ENABLED": "1", "CACHE_MAX_MB": "2"})
    assert (loaded.settings.cache.enabled, loaded.settings.cache.max_mb) == (True, 2.0)
    assert loaded.origins["cache"] == "environment"
