"""Routing: names resolve, targets are ordered, failures go to the next one.

Rows of docs/acceptance.md: A000-12, A000-14, A002-10.
"""

import asyncio
import time
from collections import Counter
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import (
    EngineLoading,
    GatewayError,
    InvalidRequest,
    ModelNotFound,
    Overloaded,
    ProviderNotConfigured,
    UpstreamBadResponse,
    UpstreamCredentials,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamServerError,
    UpstreamTimeout,
    UpstreamUnavailable,
    UpstreamUnreachable,
)
from gateway.openai_api.call import ByteStream, Call, Reply, Take
from gateway.openai_api.operations import CHAT, EMBEDDINGS, ModelType
from gateway.providers.base import Endpoint, ListedModel, Provider, ProviderType
from gateway.routing import attempt
from gateway.routing import dispatcher as dispatching
from gateway.routing.breaker import Breaker, BreakerLimits
from gateway.routing.dispatcher import Dispatcher, QueueLimits
from gateway.routing.order import order
from gateway.routing.resolve import check_targets, check_type, resolve, suggest
from gateway.routing.tries import Tries
from gateway.routing.types import Policy, Route, Target
from gateway.routing.vitals import Vitals
from gateway.state import Snapshot

PROVIDERS = {
    "local": Provider("local", ProviderType.LOCAL),
    "a": Provider("a", ProviderType.OPENAI, max_retries=2),
    "b": Provider("b", ProviderType.OPENAI, max_retries=0),
    "off": Provider("off", ProviderType.OPENAI, enabled=False),
}
CALL = Call(CHAT, "m", "req-1", time.monotonic(), body=b"{}")


class Scripted:
    """An adapter whose providers answer from a script: an error to raise, or anything else for success."""

    def __init__(self, **scripts: list[GatewayError | bytes | ByteStream]) -> None:
        self.scripts = scripts
        self.asked: list[str] = []

    @property
    def operations(self) -> frozenset[str]:
        return frozenset({CHAT.name})

    async def send(self, endpoint: Endpoint, call: Call) -> Reply:
        self.asked.append(endpoint.provider.id)
        step = self.scripts[endpoint.provider.id].pop(0)
        if isinstance(step, GatewayError):
            raise step
        return Reply(200, "application/json", step)

    async def list_models(self, provider: Provider) -> list[ListedModel]:
        return []

    async def check(self, provider: Provider) -> None: ...


def dispatcher(adapter: Scripted, seconds: float = 20) -> Dispatcher:
    return Dispatcher({"openai": adapter, "local": adapter}, QueueLimits(seconds, 2), Random(1))


async def run(adapter: Scripted, *ids: str, dispatch: Dispatcher | None = None) -> tuple[Reply, Tries]:
    tries = Tries()
    targets = [Target(name, "m") for name in ids]
    return await (dispatch or dispatcher(adapter)).attempt(targets, CALL, PROVIDERS, tries), tries


# --- resolve ---------------------------------------------------------------------------------------------

ROUTES = {
    "Qwen/Qwen3-32B": Route("Qwen/Qwen3-32B", (Target("a", "Qwen/Qwen3-32B"),)),
    "demo-chat": Route("demo-chat", (Target("local", "demo-chat"),), type=ModelType.CHAT, aliases=("chat",)),
}


def names(**more: Any) -> Snapshot:
    return Snapshot(**{"revision": 1, "providers": PROVIDERS, "routes": ROUTES, "aliases": {}, "callers": {}, **more})


def test_a_name_an_alias_and_a_prefixed_name_resolve() -> None:
    aliases = {"chat": "demo-chat"}
    known = names(aliases=aliases)
    assert resolve("demo-chat", known).id == "demo-chat"
    assert resolve("chat", known).id == "demo-chat"
    assert resolve("a/Qwen/Qwen3-32B", known).id == "Qwen/Qwen3-32B"
    assert resolve("a/other", known).targets == (Target("a", "other"),)


@pytest.mark.parametrize("name", ["nothing", "off/model", "a/", "/", ""])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(ModelNotFound):
        resolve(name, names())


def test_the_closest_names_are_told() -> None:
    assert suggest("qwen3-32b", ROUTES) == " Did you mean 'Qwen/Qwen3-32B'?"
    assert suggest("demo-chta", ROUTES) == " Did you mean 'demo-chat'?"
    assert suggest("zzz", ROUTES) == ""


def test_a_model_is_not_asked_for_what_it_cannot_do() -> None:
    with pytest.raises(InvalidRequest, match=r"'demo-chat' is a chat model; /v1/embeddings needs .* embedding"):
        check_type(ROUTES["demo-chat"], EMBEDDINGS)
    check_type(ROUTES["Qwen/Qwen3-32B"], EMBEDDINGS)


def test_a_route_whose_providers_are_all_off_is_refused() -> None:
    with pytest.raises(ProviderNotConfigured):
        check_targets(Route("m", (Target("off", "m"),)), PROVIDERS)


# --- order -----------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "local", "off"]), st.integers(0, 3)), max_size=8), st.integers())
def test_order_keeps_every_usable_target_once_and_by_priority(pairs: list[tuple[str, int]], seed: int) -> None:
    targets = tuple(Target(provider, f"m{n}", priority) for n, (provider, priority) in enumerate(pairs))
    ordered = order(Route("m", targets), PROVIDERS, Vitals(), Random(seed))
    assert sorted(ordered, key=str) == sorted((t for t in targets if t.provider_id != "off"), key=str)
    assert [t.priority for t in ordered] == sorted(t.priority for t in ordered)


def test_equal_targets_share_load_by_weight() -> None:
    route = Route("m", (Target("a", "x", weight=3.0), Target("b", "x", weight=1.0)))
    random = Random(7)
    first = Counter(order(route, PROVIDERS, Vitals(), random)[0].provider_id for _ in range(4000))
    assert 0.72 < first["a"] / 4000 < 0.78


def test_a_session_keeps_its_target_and_sessions_share_load_by_weight() -> None:
    route = Route("m", (Target("a", "x", weight=3.0), Target("b", "x"), Target("local", "x", priority=1)))
    random = Random(3)
    orders = {n: order(route, PROVIDERS, Vitals(), random, f"session {n}") for n in range(2000)}
    assert all(order(route, PROVIDERS, Vitals(), random, f"session {n}") == orders[n] for n in range(50))
    assert 0.71 < sum(found[0].provider_id == "a" for found in orders.values()) / 2000 < 0.79
    assert all(found[2].provider_id == "local" for found in orders.values())


def test_a_target_that_goes_moves_only_its_own_sessions() -> None:
    three = Route("m", tuple(Target("a", name) for name in "xyz"))
    two = Route("m", three.targets[:2])
    for n in range(300):
        before = order(three, PROVIDERS, Vitals(), Random(1), str(n))[0]
        after = order(two, PROVIDERS, Vitals(), Random(1), str(n))[0]
        assert after == before or before.upstream_model == "z"


def test_local_first_puts_engines_before_everything_else() -> None:
    targets = (Target("a", "x", priority=0), Target("local", "x", priority=9))
    ordered = order(Route("m", targets, policy=Policy.LOCAL_FIRST), PROVIDERS, Vitals(), Random(1))
    assert [t.provider_id for t in ordered] == ["local", "a"]


# --- attempt ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [UpstreamUnreachable("x"), UpstreamServerError("x"), UpstreamRateLimited("x"), UpstreamTimeout("x"),
     UpstreamCredentials("x"), UpstreamBadResponse("x"), EngineLoading("x")],
)  # fmt: skip
async def test_a_failing_target_hands_over_to_the_next(error: GatewayError) -> None:
    adapter = Scripted(a=[error], b=[b"{}"])
    _, tries = await run(adapter, "a", "b")
    assert adapter.asked == ["a", "b"]
    assert tries.answered_by == Target("b", "m")
    assert str(tries.attempts[1]) == "b/m=200"


async def test_the_same_target_is_tried_again_with_a_pause() -> None:
    adapter = Scripted(a=[UpstreamServerError("x"), UpstreamServerError("x"), b"{}"])
    started = time.monotonic()
    _, tries = await run(adapter, "a")
    assert adapter.asked == ["a"] * 3
    assert tries.upstream_seconds <= time.monotonic() - started + 0.05
    assert time.monotonic() - started > 0.1


async def test_retry_after_is_honoured() -> None:
    adapter = Scripted(a=[UpstreamRateLimited("x", retry_after=0.6), b"{}"])
    started = time.monotonic()
    await run(adapter, "a")
    assert 0.6 <= time.monotonic() - started < 15


async def test_a_pause_longer_than_anybody_waits_fails_at_once() -> None:
    adapter = Scripted(a=[UpstreamRateLimited("x", retry_after=60)])
    with pytest.raises(UpstreamRateLimited):
        await run(adapter, "a")
    assert adapter.asked == ["a"]


async def test_a_silent_target_is_never_asked_again() -> None:
    adapter = Scripted(a=[UpstreamTimeout("x")])
    with pytest.raises(UpstreamTimeout):
        await run(adapter, "a")
    assert adapter.asked == ["a"]


async def test_a_fault_of_the_request_goes_nowhere_else() -> None:
    adapter = Scripted(a=[UpstreamRefused("too long")], b=[b"{}"])
    with pytest.raises(UpstreamRefused):
        await run(adapter, "a", "b")
    assert adapter.asked == ["a"]


async def test_what_a_provider_said_beats_an_engine_that_is_loading() -> None:
    adapter = Scripted(local=[EngineLoading("x")], b=[UpstreamServerError("broken")])
    with pytest.raises(UpstreamServerError):
        await run(adapter, "local", "b")


async def test_a_target_that_keeps_failing_is_left_alone_for_a_while() -> None:
    adapter = Scripted(a=[UpstreamServerError("x")] * 9, b=[b"{}"] * 12)
    dispatch = dispatcher(adapter)
    for _ in range(12):
        await run(adapter, "a", "b", dispatch=dispatch)
    assert adapter.asked.count("a") == 5 and adapter.asked.count("b") == 12
    assert dispatch.vitals[Target("a", "m")].state(time.monotonic()) == "open"


async def test_a_limited_target_rests_as_long_as_it_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    for module in (attempt, dispatching):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    adapter = Scripted(a=[UpstreamRateLimited("x", retry_after=0.5), b"{}"], b=[b"{}"] * 2)
    dispatch = dispatcher(adapter)
    await run(adapter, "a", "b", dispatch=dispatch)
    await run(adapter, "a", "b", dispatch=dispatch)
    now[0] += 0.6
    await run(adapter, "a", "b", dispatch=dispatch)
    assert adapter.asked == ["a", "b", "b", "a"]


async def test_a_trial_that_found_every_key_limited_keeps_nobody_from_the_next() -> None:
    """By the time that the last key is refused, the first is free again: then nothing rests."""
    limited = UpstreamRateLimited("x", retry_after=1e-9)
    adapter, target = Scripted(k=[limited, limited, b"{}"]), Target("k", "m")
    providers = {"k": Provider("k", ProviderType.OPENAI, api_keys=("one", "two"), max_retries=0)}
    dispatch = dispatcher(adapter, 5)
    vital = dispatch.vitals[target]
    vital.breaker = Breaker(BreakerLimits(failures=1, pause=0.0))
    vital.breaker.fail(time.monotonic(), time.monotonic())
    with pytest.raises(UpstreamRateLimited):
        await dispatch.attempt([target], CALL, providers, Tries())
    assert (await dispatch.attempt([target], CALL, providers, Tries())).body == b"{}"


async def test_when_all_targets_rest_a_request_waits_its_turn_and_the_queue_is_bounded() -> None:
    adapter = Scripted(b=[UpstreamRateLimited("x", retry_after=1.5), b"{}", b"{}"])
    dispatch = dispatcher(adapter)
    with pytest.raises(UpstreamRateLimited):
        await run(adapter, "b", dispatch=dispatch)
    waiting = [asyncio.ensure_future(run(adapter, "b", dispatch=dispatch)) for _ in range(3)]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [tuple, tuple, Overloaded]


async def test_when_the_rest_is_too_long_the_caller_is_told_how_long() -> None:
    adapter = Scripted(b=[UpstreamRateLimited("x", retry_after=50)])
    dispatch = dispatcher(adapter)
    for error in (UpstreamRateLimited, UpstreamUnavailable):
        with pytest.raises(error) as caught:
            await run(adapter, "b", dispatch=dispatch)
        assert 30 < (caught.value.retry_after or 0) <= 50


async def test_retries_are_bounded_by_a_budget() -> None:
    adapter = Scripted(a=[UpstreamRateLimited("x")] * 200)
    dispatch = dispatcher(adapter)
    dispatch._back_off = lambda asked: 0.0  # type: ignore[method-assign]
    for _ in range(30):
        with pytest.raises(UpstreamRateLimited):
            await run(adapter, "a", dispatch=dispatch)
    assert 45 < len(adapter.asked) < 60


class Broken:
    """A stream that fails, or ends, before its first event."""

    usage = None

    def __init__(self, error: GatewayError | None) -> None:
        self.error, self.closed = error, False

    async def pour(self, take: Take) -> None:
        if self.error:
            raise self.error

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize("error", [UpstreamBadResponse("cut"), None])
async def test_a_stream_that_breaks_before_its_first_event_goes_to_the_next_target(error: GatewayError | None) -> None:
    broken = Broken(error)
    adapter = Scripted(a=[broken], b=[b"{}"])
    await run(adapter, "a", "b")
    assert broken.closed


async def test_cancelling_leaves_a_record() -> None:
    asked = asyncio.Event()

    class Silent(Scripted):
        async def send(self, endpoint: Endpoint, call: Call) -> Reply:
            asked.set()
            await asyncio.sleep(60)
            raise AssertionError

    tries = Tries()
    dispatch = dispatcher(Silent())
    task = asyncio.ensure_future(dispatch.attempt([Target("a", "m")], CALL, PROVIDERS, tries))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [one.outcome for one in tries.attempts] == ["cancelled"]
    assert dispatch.vitals[Target("a", "m")].in_flight == 0
