"""What holds for every route, every history of a target and every JSON body."""

import json
import math
from random import Random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import InvalidJSON, UpstreamRateLimited, UpstreamServerError
from gateway.openai_api.json_body import splice_model, split_object
from gateway.providers.base import Provider, ProviderType
from gateway.routing.breaker import Breaker, BreakerLimits, BreakerState
from gateway.routing.order import order, slow
from gateway.routing.spill import BACK, too_full
from gateway.routing.types import Policy, Route, Spill, Target
from gateway.routing.vitals import MAX_TARGETS, Checked, EngineLoad, Vital, Vitals

PROVIDERS = {
    "local": Provider("local", ProviderType.LOCAL),
    "a": Provider("a", ProviderType.OPENAI),
    "b": Provider("b", ProviderType.CHUTES),
    "off": Provider("off", ProviderType.OPENAI, enabled=False),
}
NOW = 1000.0

targets = st.lists(
    st.builds(
        Target,
        st.sampled_from(list(PROVIDERS)),
        st.sampled_from("mnopqrst"),
        st.integers(0, 3),
        st.floats(0.01, 100),
        price=st.none() | st.floats(0, 20),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda target: (target.provider_id, target.upstream_model),
).map(tuple)
spills = st.none() | st.builds(Spill, st.none() | st.integers(1, 5), st.none(), st.none() | st.floats(0.1, 1))
histories = st.lists(st.tuples(st.sampled_from(["begin", "succeed", "fail", "limit"]), st.floats(0, 60)), max_size=20)


def live(vital: Vital, history: list[tuple[str, float]], until: float) -> None:
    now = until - sum(pause for _, pause in history)
    for step, pause in history:
        now += pause
        if step == "begin":
            vital.begin(now)
        elif step == "succeed":
            vital.succeed(now, pause / 10)
        elif step == "fail":
            vital.fail(now, UpstreamServerError("x"), began=now)
        else:
            vital.fail(now, UpstreamRateLimited("x", retry_after=pause), began=now)


def lived(chosen: tuple[Target, ...], lives: list[list[tuple[str, float]]]) -> Vitals:
    vitals = Vitals()
    for target, history in zip(chosen, lives, strict=False):
        live(vitals[target], history, NOW)
    return vitals


@given(
    targets, st.sampled_from(Policy), spills, st.lists(histories, max_size=8), st.text(max_size=3), st.integers(0, 99)
)
@settings(max_examples=200, deadline=None)
def test_every_usable_target_comes_once_and_no_priority_is_jumped(
    chosen: tuple[Target, ...], policy: Policy, spill: Spill | None, lives: list[Any], session: str, seed: int
) -> None:
    vitals = lived(chosen, lives)
    vitals.loads["local"] = EngineLoad(0, 0.5, NOW)
    route = Route("m", chosen, policy=policy, spill=spill)
    ordered = order(route, PROVIDERS, vitals, Random(seed), session, lambda: NOW)
    assert sorted(map(repr, ordered)) == sorted(repr(t) for t in chosen if t.provider_id != "off")
    full = [t for t in ordered if t.provider_id == "local" and vitals[t].spilled] if len(ordered) > 1 else []
    assert ordered[len(ordered) - len(full) :] == full, "engines that are full come last"
    room = [t for t in ordered if t not in full]
    if policy is Policy.LOCAL_FIRST:
        assert [t.provider_id != "local" for t in room] == sorted(t.provider_id != "local" for t in room)
    elif policy is Policy.REMOTE_FIRST:
        assert [t.provider_id == "local" for t in room] == sorted(t.provider_id == "local" for t in room)
    elif policy is not Policy.WEIGHTED:
        assert [t.priority for t in room] == sorted(t.priority for t in room)
    if session:
        again = order(route, PROVIDERS, Vitals(), Random(seed + 1), session, lambda: NOW)
        assert [t for t in again if t not in full] == room, "a session keeps its order"


class _NeverExplores(Random):
    def random(self) -> float:
        return 0.99


@given(targets, st.lists(histories, max_size=8))
@settings(max_examples=200, deadline=None)
def test_the_bargain_is_well_and_nothing_well_is_cheaper(chosen: tuple[Target, ...], lives: list[Any]) -> None:
    chosen = tuple(Target(t.provider_id, t.upstream_model, price=t.price) for t in chosen if t.provider_id != "off")
    vitals, route = lived(chosen, lives), Route("m", chosen, policy=Policy.CHEAPEST_NOW)
    ordered = order(route, PROVIDERS, vitals, _NeverExplores(), "", lambda: NOW)

    def well(target: Target) -> bool:
        return vitals[target].ready_at(NOW) <= NOW and not slow(target, route, vitals)

    def price(target: Target) -> float:
        return (0.0 if target.provider_id == "local" else math.inf) if target.price is None else target.price

    assert [well(t) for t in ordered] == sorted((well(t) for t in ordered), reverse=True)
    for some in ([t for t in ordered if well(t)], [t for t in ordered if not well(t)]):
        assert [price(t) for t in some] == sorted(price(t) for t in some)


# --- spill -----------------------------------------------------------------------------------------------


@given(st.integers(1, 20), st.lists(st.integers(-3, 3), max_size=60))
def test_a_full_engine_is_left_until_it_is_well_below_its_limit(limit: int, steps: list[int]) -> None:
    vital, spill, full = Vital(), Spill(in_flight=limit), False
    for step in steps:
        vital.in_flight = max(0, vital.in_flight + step)
        full = vital.in_flight >= limit * (BACK if full else 1)
        assert bool(too_full(spill, vital, None, NOW)) is full


def test_old_figures_do_not_count() -> None:
    vital, spill = Vital(), Spill(waiting=1, memory=0.5)
    assert too_full(spill, vital, EngineLoad(9, 0.9, NOW), NOW)
    assert not too_full(spill, vital, EngineLoad(9, 0.9, NOW), NOW + 60)
    assert not too_full(spill, vital, EngineLoad(0, None, NOW), NOW)


# --- breaker ---------------------------------------------------------------------------------------------

steps = st.lists(
    st.tuples(st.sampled_from(["begin", "succeed", "fail", "give_up", "trip", "let_in"]), st.floats(0, 30)), max_size=80
)


@given(steps)
@settings(max_examples=250)
def test_whatever_happens_a_breaker_opens_again_and_never_asks_for_the_past(history: list[tuple[str, float]]) -> None:
    breaker, now = Breaker(), 0.0
    for step, pause in history:
        now += pause
        if step == "trip":
            breaker.trip(now + 15)
        else:
            getattr(breaker, step)(now, now) if step == "fail" else getattr(breaker, step)(now)
        ready = breaker.ready_at(now)
        assert now <= ready <= now + BreakerLimits().longest_pause
        assert (breaker.state(now) is BreakerState.OPEN) <= (ready > now)
    now += BreakerLimits().trial + BreakerLimits().longest_pause
    assert breaker.ready_at(now) == now


@given(st.lists(st.floats(0, 3), min_size=5, max_size=30))
def test_failures_alone_always_open_it_and_one_trial_at_a_time_is_let_in(pauses: list[float]) -> None:
    breaker, now = Breaker(), 0.0
    for pause in pauses[:5]:
        now += pause
        breaker.fail(now, now)
    assert breaker.state(now) is BreakerState.OPEN
    now = breaker.ready_at(now)
    breaker.begin(now)
    assert breaker.ready_at(now) > now, "the second one waits for the first"
    breaker.give_up(now)
    assert breaker.ready_at(now) == now, "a trial that was given up is no trial"


def test_a_check_opens_and_closes_what_it_opened_but_not_what_calls_opened() -> None:
    breaker = Breaker()
    breaker.trip(50.0)
    assert breaker.state(1) is BreakerState.OPEN
    breaker.let_in(2)
    assert breaker.state(2) is BreakerState.RAMPING
    for _ in range(5):
        breaker.fail(20, 20)
    breaker.let_in(21)
    assert breaker.state(21) is BreakerState.OPEN, "its pause is not over"
    breaker.let_in(26)
    assert breaker.state(26) is BreakerState.RAMPING


def test_targets_that_nobody_asked_yet_are_closed_by_a_failed_check_too() -> None:
    vitals, known, unknown = Vitals(), Target("a", "known"), Target("a", "unknown")
    vitals[known].begin(1.0)
    vitals.unwell("a", Checked(0.0, "upstream_unreachable", 50.0))
    assert vitals[known].ready_at(2.0) == vitals[unknown].ready_at(2.0) == 50.0
    assert vitals[Target("b", "known")].ready_at(2.0) == 2.0
    vitals.well("a", Checked(0.0), 3.0)
    assert all(vitals[target].ready_at(3.0) == 3.0 for target in (known, unknown, Target("a", "new")))


def test_a_target_in_use_outlives_thousands_that_were_asked_once() -> None:
    vitals, busy, waiting = Vitals(), Target("a", "busy"), Target("a", "waiting")
    vitals[waiting].begin(0.0)
    kept = vitals[busy], vitals[waiting]
    for n in range(3 * MAX_TARGETS):
        vitals[Target("b", f"m{n}")].begin(0.0)
        vitals[Target("b", f"m{n}")].end()
        if n % 1000 == 0:
            vitals[busy].begin(0.0)
            vitals[busy].end()
    assert (vitals[busy], vitals[waiting]) == kept and vitals[busy] is kept[0] and vitals[waiting] is kept[1]
    assert len(vitals._by_target) <= MAX_TARGETS


# --- splice ----------------------------------------------------------------------------------------------

values: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=25,
)
bodies = st.dictionaries(st.text(max_size=8) | st.sampled_from(["model", "messages", "stream"]), values, max_size=8)
spaces = st.sampled_from(["", " ", "\n\t", "  \r\n"])


@given(bodies, st.text(st.characters(exclude_categories=["Cs"]), max_size=20), spaces, st.booleans(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_body_keeps_its_meaning_and_its_order_when_the_model_is_replaced(
    body: dict[str, Any], model: str, space: str, ascii_only: bool, mark: bool
) -> None:
    text = json.dumps(body, ensure_ascii=ascii_only, separators=(f"{space},{space}", f"{space}:{space}"))
    try:
        sent = (space + text + space).encode()
    except UnicodeEncodeError:
        return
    spliced = splice_model(split_object((b"\xef\xbb\xbf" if mark else b"") + sent), model)
    assert json.loads(spliced) == {**json.loads(text), "model": model}
    assert list(json.loads(spliced)) == list({**json.loads(text), "model": model})
    assert msgspec.json.decode(spliced)["model"] == model


@given(bodies, st.integers(0, 400), st.integers(0, 6), st.binary(max_size=4))
@settings(max_examples=300, deadline=None)
def test_what_is_refused_is_refused_by_the_declared_error_and_what_passes_is_read_alike(
    body: dict[str, Any], place: int, length: int, put: bytes
) -> None:
    sent = json.dumps(body).encode()
    sent = sent[:place] + put + sent[place + length :]
    try:
        spliced = splice_model(split_object(sent), "m")
    except InvalidJSON:
        return
    assert json.loads(spliced) == {**json.loads(sent.decode("utf-8-sig")), "model": "m"}
