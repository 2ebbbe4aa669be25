"""Break-even and what-if: the reckoning by hand-made figures, and the endpoints over real requests."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.errors import InvalidRequest
from gateway.usage.breakeven import Gpu, break_even
from gateway.usage.evidence import Evidence, Speed, gather
from gateway.usage.report import Figures
from gateway.usage.types import NANOS, Price, Tried, UsageRow
from gateway.usage.whatif import Choice, by_first_content, by_price, is_replayed, replay, shares
from tests.api.running import RunningGateway
from tests.fakes.upstream import Upstream
from tests.trust.processes import eventually
from tests.usage.conftest import row

MILLION = 1_000_000


def figures(input: int, output: int, usd: float) -> Figures:
    return Figures(requests=10, input_tokens=input, output_tokens=output, cost_nanos=round(usd * NANOS))


# --- break-even ------------------------------------------------------------------------------------------


def test_a_gpu_pays_where_its_day_costs_less_than_the_tokens() -> None:
    day = figures(0, 36 * MILLION, 72.0)
    found = break_even(day, 24.0, figures(0, 2 * MILLION, 4.0), Gpu(1.0, 1000.0, load=1.0))
    assert (found.gpus, found.gpu_cost_usd, found.saved_usd) == (1, 24.0, 48.0)
    assert found.full_gpu_hours == 10.0 and found.use == pytest.approx(10 / 24)
    assert found.per_million_usd == 2.0 and found.gpu_per_million_usd == pytest.approx(24 / 36)
    assert found.pays_from == 12 * MILLION and found.full_gpu_cost_usd == 10.0


def test_a_busy_hour_needs_more_gpus_than_the_day_as_a_whole() -> None:
    day = figures(0, 10 * MILLION, 20.0)
    found = break_even(day, 24.0, figures(0, 9 * MILLION, 18.0), Gpu(1.0, 1000.0, load=0.5))
    assert found.gpus == 5 and found.saved_usd == 20.0 - 5 * 24.0


def test_reading_takes_time_where_its_speed_is_told() -> None:
    day = figures(36 * MILLION, 0, 1.0)
    assert break_even(day, 24.0, day, Gpu(1.0, 1000.0, 10_000.0)).full_gpu_hours == 1.0
    assert break_even(figures(5, 36, 1.0), 24.0, Figures(), Gpu(1.0, 36.0)).full_gpu_hours == pytest.approx(1 / 3600)


def test_a_gpu_that_is_full_before_it_pays_never_pays() -> None:
    cheap = figures(0, MILLION, 0.01)
    assert break_even(cheap, 24.0, cheap, Gpu(2.0, 100.0)).pays_from is None


def test_traffic_that_cost_nothing_has_no_price_to_compare_with() -> None:
    free = figures(0, MILLION, 0.0)
    found = break_even(free, 24.0, free, Gpu(2.0, 1000.0))
    assert found.per_million_usd is None and found.pays_from is None and found.saved_usd == -48.0


def test_without_tokens_there_is_nothing_to_reckon() -> None:
    with pytest.raises(InvalidRequest, match="No tokens"):
        break_even(Figures(requests=3), 24.0, Figures(), Gpu(1.0, 1.0))


# --- evidence --------------------------------------------------------------------------------------------


def asked(n: int, *attempts: Tried, **given: Any) -> UsageRow:
    last = attempts[-1]
    return row(f"r{n}", provider_id=last.provider_id, upstream_model=last.upstream_model, attempts=attempts, **given)


def test_speed_is_the_median_of_streams_without_what_failed_before() -> None:
    failed, answered = Tried("a", "x", "upstream_error", 40.0), Tried("b", "y", "200", 10.0, 40.0)
    rows = [
        asked(n, failed, answered, stream=True, ttft_ms=140.0, latency_ms=140.0 + wait, output_tokens=10)
        for n, wait in enumerate((100.0, 200.0, 9_000.0))
    ]
    found = gather(rows)
    assert found["b", "y"] == Evidence(3, 0.0, 0.0, Speed(100.0, 20.0))
    assert found["a", "x"] == Evidence(3, 1.0, 40.0, None)


def test_whole_answers_tell_the_time_of_a_token_or_of_the_whole() -> None:
    chat = asked(1, Tried("a", "x", "200", 500.0), latency_ms=500.0, output_tokens=50)
    speech = asked(2, Tried("w", "z", "200", 700.0), latency_ms=700.0, seconds=3.0)
    found = gather([chat, speech])
    assert (found["a", "x"].speed, found["w", "z"].speed) == (Speed(0.0, 10.0), Speed(700.0, 0.0))


def test_a_try_that_was_given_up_says_nothing() -> None:
    assert gather([asked(1, Tried("a", "x", "cancelled", 5.0), status=499)]) == {}


# --- shares ----------------------------------------------------------------------------------------------

A, B, C = Choice("a", "x", (0,), weight=3.0), Choice("b", "y", (0,)), Choice("c", "z", (1,))


def test_weights_share_a_tier_and_failures_go_on() -> None:
    found, failing, lost = shares((A, B, C), {("a", "x"): Evidence(10, 0.5, 100.0)}, None)
    # 3/4 reach a first, half of it fails and goes to b; of the 1/4 at b nothing fails.
    assert found == pytest.approx({("a", "x"): 0.375, ("b", "y"): 0.625})
    assert failing == 0.0 and lost == pytest.approx(37.5)


def test_the_next_tier_gets_what_fails_in_the_first() -> None:
    failing_half = Evidence(10, 0.5, 0.0)
    found, failing, _ = shares((A, C), {("a", "x"): failing_half, ("c", "z"): failing_half}, None)
    assert found == pytest.approx({("a", "x"): 0.5, ("c", "z"): 0.25}) and failing == pytest.approx(0.25)


def test_a_rank_takes_the_best_of_a_tier_but_never_of_a_later_one() -> None:
    cheap = Choice("c", "z", (1,), rate=0.0)
    dear, fair = Choice("a", "x", (0,), rate=9.0), Choice("b", "y", (0,), rate=1.0)
    assert shares((dear, fair, cheap), {}, by_price)[0] == {("b", "y"): 1.0}
    known = {("a", "x"): Evidence(1, speed=Speed(10.0, 0.0)), ("b", "y"): Evidence(1, speed=Speed(20.0, 0.0))}
    assert shares((dear, fair, cheap), known, by_first_content(known))[0] == {("a", "x"): 1.0}


def test_shares_and_failures_always_add_up() -> None:
    choices = tuple(Choice(str(n), "m", (n % 3,), weight=n + 1.0) for n in range(8))
    evidence = {one.key: Evidence(10, n / 10) for n, one in enumerate(choices)}
    found, failing, _ = shares(choices, evidence, None)
    assert sum(found.values()) + failing == pytest.approx(1.0)


def test_cost_and_time_are_of_what_is_known_and_say_of_how_much() -> None:
    rows = [row(str(n), input_tokens=1000, output_tokens=100) for n in range(4)]
    priced = Choice("a", "x", price=Price("a", "x", 1.0, 10.0))
    evidence = {("a", "x"): Evidence(9, speed=Speed(50.0, 2.0))}
    found = replay(rows, (priced, Choice("b", "y")), evidence)
    assert found.cost_usd == pytest.approx(4 * 0.002 / 2) and found.priced == 0.5
    assert found.latency_ms == pytest.approx(250.0) and found.timed == 0.5
    alone = replay(rows, (priced,), evidence)
    assert alone.cost_usd == pytest.approx(0.008) and alone.shares == {("a", "x"): 1.0}


REPLAYED = [(200, False, True), (200, True, False), (400, False, False), (499, False, False), (429, False, True)]


@pytest.mark.parametrize(
    ("given", "requests"),
    [
        ({"operation": "ocr", "pages": 3}, 3),
        ({"operation": "ocr"}, 1),
        ({"operation": "audio.transcriptions", "seconds": 60.0}, 2),
        ({"operation": "chat.completions", "output_tokens": 5}, 1),
        ({"operation": "images.generations"}, 1),
        ({"operation": "images.generations", "cost_nanos": 40_000_000, "price": Price("a", "m", per_request=0.01)}, 4),
        ({"operation": "images.generations", "input_tokens": 30, "output_tokens": 20, "cost_nanos": 30_070_000,
          "price": Price("a", "m", 1.0, 2.0, per_request=0.01)}, 3),
        ({"operation": "images.generations", "output_tokens": 20, "cost_nanos": 40_000,
          "price": Price("a", "m", 1.0, 2.0)}, 1),
    ],
    ids=["pages", "no pages", "pieces", "a stream that went on elsewhere", "pictures", "pictures by themselves",
         "pictures beside tokens", "pictures by tokens alone"],
)  # fmt: skip
def test_a_price_per_request_counts_as_often_as_a_target_is_asked(given: dict[str, Any], requests: int) -> None:
    tries = (Tried("a", "m", "200", 10), Tried("a", "m", "upstream_timeout", 10), Tried("b", "m", "200", 10))
    answered = asked(1, *tries, **given)
    found = replay([answered], [Choice("a", "m", price=Price("a", "m", per_request=0.5))], {})
    assert found.cost_usd == 0.5 * requests


@pytest.mark.parametrize(("status", "cached", "replayed"), [*REPLAYED, (502, False, True)])
def test_only_what_a_policy_could_change_is_replayed(status: int, cached: bool, replayed: bool) -> None:
    assert is_replayed(row("r", status=status, cached=cached)) is replayed


# --- over HTTP -------------------------------------------------------------------------------------------


@pytest.fixture
def gateway(tmp_path: Path, upstream: Upstream, other_upstream: Upstream) -> Iterator[RunningGateway]:
    running = RunningGateway(
        tmp_path,
        providers={
            "dear": {"base_url": upstream.url, "api_key": "k" * 20, "type": "openai"},
            "cheap": {"base_url": other_upstream.url, "api_key": "k" * 20, "type": "openai"},
        },
        models={"pair": {"type": "chat", "targets": TARGETS}},
        prices={"dear/big": {"input": 10.0, "output": 20.0}, "cheap/small": {"input": 1.0, "output": 2.0}},
    )
    yield running
    running.stop()


TARGETS = [
    {"provider": "dear", "model": "big", "price": 12.5},
    {"provider": "cheap", "model": "small", "price": 1.25, "priority": 1},
]


def chat(client: httpx.Client, admin: httpx.Client, count: int) -> None:
    for _ in range(count):
        body = {"model": "pair", "messages": [{"role": "user", "content": "Hi"}]}
        assert client.post("/v1/chat/completions", json=body).status_code == 200
    eventually(lambda: admin.get("/api/admin/requests").json()["total"] >= count)


def test_another_policy_is_reckoned_without_sending_or_saving_anything(
    gateway: RunningGateway, upstream: Upstream, other_upstream: Upstream
) -> None:
    with gateway.http() as client:
        chat(client, client, 4)
        level = [{**target, "priority": 0} for target in TARGETS]
        before, seen = client.get("/api/admin/models/pair").json(), len(upstream.requests)
        answer = client.post(
            "/api/admin/analytics/whatif", json={"model": {"id": "pair", "targets": level, "policy": "cheapest"}}
        )
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert (found["requests"], found["replayed"], found["truncated"]) == (4, 4, False)
        assert found["before"]["cost_usd"] == pytest.approx(found["actual_cost_usd"])
        assert found["after"]["cost_usd"] == pytest.approx(found["actual_cost_usd"] / 10)
        assert [(one["provider_id"], one["before"], one["after"]) for one in found["targets"]] == [
            ("cheap", 0.0, 1.0),
            ("dear", 1.0, 0.0),
        ]
        assert found["before"]["latency_ms"] and found["after"]["latency_ms"] is None and found["after"]["timed"] == 0
        assert len(found["assumptions"]) >= 4
        assert client.get("/api/admin/models/pair").json() == before
    assert len(upstream.requests) == seen and other_upstream.requests == []


def test_other_prices_alone_can_be_tried(gateway: RunningGateway) -> None:
    with gateway.http() as client:
        chat(client, client, 1)
        body = {"model": {"id": "pair", "targets": TARGETS}, "prices": {"dear/big": {"input": 20.0, "output": 40.0}}}
        found = client.post("/api/admin/analytics/whatif", json=body).json()
        assert found["after"]["cost_usd"] == pytest.approx(2 * found["before"]["cost_usd"])


def test_questions_that_make_no_sense_name_their_field(gateway: RunningGateway) -> None:
    with gateway.http() as client:
        whatif = "/api/admin/analytics/whatif"
        nothing = client.post(whatif, json={"model": {"id": "pair", "targets": TARGETS, "policy": "cheapest"}})
        assert nothing.status_code == 400 and "No request" in nothing.json()["error"]["message"]
        unknown = client.post(whatif, json={"model": {"id": "pair", "policy": "luckiest"}})
        assert unknown.status_code == 400 and "policy" in unknown.json()["error"]["param"]
        chat(client, client, 1)
        slashless = client.post(
            whatif, json={"model": {"id": "pair", "targets": TARGETS}, "prices": {"dear": {"input": 1}}}
        )
        assert slashless.status_code == 400 and slashless.json()["error"]["param"] == "prices"


def test_all_models_are_reckoned_under_one_policy(gateway: RunningGateway, other_upstream: Upstream) -> None:
    with gateway.http() as client:
        chat(client, client, 3)
        answer = client.get("/api/admin/analytics/policy", params={"policy": "weighted"})
        assert answer.status_code == 200, answer.text
        (pair,) = answer.json()["models"]
        assert (pair["model"], pair["policy"], pair["targets"], pair["replayed"]) == ("pair", "ordered", 2, 3)
        assert pair["after"]["cost_usd"] == pytest.approx(pair["before"]["cost_usd"] * 0.55), (
            "half go where it is a tenth"
        )
        none = client.get("/api/admin/analytics/policy", params={"policy": "weighted", "model": "another"})
        assert none.json()["models"] == []
        unknown = client.get("/api/admin/analytics/policy", params={"policy": "luckiest"})
        assert unknown.status_code == 400 and "policy" in unknown.json()["error"]["param"]
    assert other_upstream.requests == []


def test_traffic_of_ones_own_engines_is_compared_with_a_price_that_is_asked(gateway: RunningGateway) -> None:
    with gateway.http() as client:
        chat(client, client, 2)
        question: dict[str, float | str] = {
            "hourly_usd": 1.8,
            "output_tokens_per_second": 2500,
            "remote_input_usd": 0,
            "remote_output_usd": 3,
        }
        found = client.get("/api/admin/analytics/breakeven", params=question).json()
        assert found["cost_usd"] == pytest.approx(found["figures"]["output_tokens"] * 3e-6) and found["unpriced"] == 0
        wrong = client.get("/api/admin/analytics/breakeven", params=question | {"remote_output_usd": -1})
        assert wrong.status_code == 400 and wrong.json()["error"]["param"] == "remote_output_usd"


def test_break_even_is_of_the_chosen_traffic(gateway: RunningGateway) -> None:
    with gateway.http() as client:
        chat(client, client, 3)
        question: dict[str, float | str] = {"hourly_usd": 1.8, "output_tokens_per_second": 2500, "provider_id": "dear"}
        answer = client.get("/api/admin/analytics/breakeven", params=question)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert found["gpus"] == 1 and found["gpu_cost_usd"] == pytest.approx(1.8 * 24, rel=1e-3)
        assert found["cost_usd"] == pytest.approx(found["figures"]["cost_usd"]) and found["cost_usd"] > 0
        none = client.get("/api/admin/analytics/breakeven", params=question | {"provider_id": "cheap"})
        assert none.status_code == 400
        missing = client.get("/api/admin/analytics/breakeven", params={"hourly_usd": 1})
        assert missing.status_code == 400 and "output_tokens_per_second" in missing.text


def test_only_administrators_may_ask(gateway: RunningGateway) -> None:
    with gateway.http(None) as client:
        assert client.get("/api/admin/analytics/breakeven").status_code == 401
        assert client.post("/api/admin/analytics/whatif", json={}).status_code == 401
        assert client.get("/api/admin/analytics/policy?policy=weighted").status_code == 401
