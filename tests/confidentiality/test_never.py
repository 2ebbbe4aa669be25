"""Whatever the route, the rule and the failures: nobody is ever asked who may not see the request."""

import asyncio
import time
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.keys import Caller
from gateway.errors import (
    ConfidentialityUnmet,
    GatewayError,
    UpstreamBadResponse,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamServerError,
    UpstreamTimeout,
)
from gateway.openai_api.call import Call, Reply, Take, Usage
from gateway.openai_api.confidentiality import Rule, strictest
from gateway.openai_api.operations import CHAT
from gateway.pipeline import handle
from gateway.pipeline.account import Account
from gateway.providers.base import Endpoint, ListedModel, Provider, ProviderType
from gateway.providers.engines import NoEngines
from gateway.routing.dispatcher import Dispatcher, QueueLimits
from gateway.routing.tries import Tries
from gateway.routing.types import Hedge, Policy, Route, Spill, StreamPolicy, Target
from gateway.state import Snapshot, State
from tests.fakes.streams import pieces_of

LOCAL = "engine"
FAILURES = ("", "500", "429", "timeout", "garbage", "too long", "cut", "slow", "refused")
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'


class Stream:
    """Two events, then the end or a break."""

    usage: Usage | None = None

    def __init__(self, breaks: bool) -> None:
        self._left = [EVENT, EVENT]
        self._breaks = breaks

    async def pour(self, take: Take) -> None:
        while self._left:
            if (waiting := take([self._left.pop()])) is not None:
                await waiting
        if self._breaks:
            raise UpstreamBadResponse("cut")

    async def aclose(self) -> None: ...


class Watching:
    """Fails as it is told, try by try, and remembers whom it was asked for."""

    operations = frozenset({CHAT.name})

    def __init__(self, failures: list[str]) -> None:
        self._failures = list(failures)
        self.asked: list[tuple[str, str]] = []

    async def send(self, endpoint: Endpoint, call: Call) -> Reply:
        self.asked.append((endpoint.provider.id, endpoint.upstream_model))
        failure = self._failures.pop(0) if self._failures else ""
        error = _error(failure)
        if error is not None:
            raise error
        if failure == "slow":
            await asyncio.sleep(0.003)
        if call.stream:
            return Reply(200, "text/event-stream", Stream(failure == "cut"))
        return Reply(200, "application/json", b'{"choices":[]}')

    async def list_models(self, provider: Provider) -> list[ListedModel]:
        return []

    async def check(self, provider: Provider) -> None: ...


def _error(failure: str) -> GatewayError | None:
    return {
        "500": UpstreamServerError("x"),
        "429": UpstreamRateLimited("x"),
        "timeout": UpstreamTimeout("x"),
        "garbage": UpstreamBadResponse("x"),
        "too long": UpstreamRefused("x", code="context_length_exceeded"),
        "refused": UpstreamRefused("x"),
    }.get(failure)


declared = st.sampled_from([None, True, False])
providers = st.fixed_dictionaries(
    {
        LOCAL: st.builds(lambda tee: Provider(LOCAL, ProviderType.LOCAL, tee=tee), declared),
        **{
            name: st.builds(
                lambda tee, local, name=name, kind=kind: Provider(
                    name, kind, tee=tee, local=local, max_retries=2, backs_off=False
                ),
                declared,
                st.booleans() if kind is ProviderType.OPENAI else st.just(False),
            )
            for name, kind in (("a", ProviderType.OPENAI), ("b", ProviderType.OPENAI), ("c", ProviderType.CHUTES))
        },
    }
)
FACTS: dict[str, bool | None] = {"inside": True, "outside": False, "unknown": None}


def targets(prefix: str) -> Any:
    """Of a route; `prefix` makes them others than those of another route."""
    one = st.builds(
        Target,
        st.sampled_from([LOCAL, "a", "b", "c"]),
        st.sampled_from([f"{prefix} {name}" for name in FACTS]),
        st.integers(0, 2),
        prefill=st.sampled_from(["", "message"]),
        tee=declared,
    )
    unique = st.lists(one, min_size=1, max_size=6, unique_by=lambda target: (target.provider_id, target.upstream_model))
    return unique.map(tuple)


rules = st.one_of(
    st.none(),
    st.builds(Rule, st.sampled_from([(), ("x",)]), st.sampled_from([(), ("x",)])),
    st.just(Rule(("x",), ("x",))),
)
hedges = st.none() | st.just(Hedge("m", after=0.0, max_share=1.0))
spills = st.none() | st.just(Spill(in_flight=1))
failures = st.lists(st.sampled_from(FAILURES), max_size=12)
routes = st.builds(
    Route,
    st.just("m"),
    targets("m"),
    policy=st.sampled_from(Policy),
    stream_policy=st.sampled_from(StreamPolicy),
    context_fallback=st.sampled_from(["", "larger"]),
    spill=spills,
    hedge=hedges,
    rule=rules,
)
larger_routes = st.builds(Route, st.just("larger"), targets("l"), hedge=hedges, rule=rules)


def told(target: Target, provider: Provider) -> tuple[bool | None, str]:
    return FACTS[target.upstream_model.partition(" ")[2]], "the facts say so"


def allowed(target: Target, provider: Provider, *demanded: Rule | None) -> bool:
    """By the promise, not by the code that keeps it."""
    tee = any(rule is not None and rule.tee for rule in demanded)
    local = any(rule is not None and rule.local for rule in demanded)
    declared = provider.tee if target.tee is None else target.tee
    inside = declared is True
    if provider.type is ProviderType.CHUTES:
        fact = told(target, provider)[0]
        inside = fact is not False and declared is not False and (fact is True or declared is True)
    return (inside or not tee) and (provider.id == LOCAL or provider.local or not local)


async def run(call: Call, account: Account) -> None:
    """To the end of the answer, whatever comes."""
    try:
        reply = await handle(call, account)
        if not isinstance(reply.body, bytes):
            await pieces_of(reply.body)
    except GatewayError:
        pass


def state_of(snapshot: Snapshot, watching: Watching, seed: int) -> State:
    dispatcher = Dispatcher(dict.fromkeys(ProviderType, watching), QueueLimits(0.0, 5), Random(seed))
    dispatcher.asker.tee_facts = told
    return State(snapshot, dispatcher, NoEngines(), 0.0)


@given(providers, routes, larger_routes, rules, rules, rules, failures, st.booleans(), st.integers(0, 99))
@settings(max_examples=400, deadline=None)
def test_no_try_ever_goes_where_a_rule_forbids_it(
    known: dict[str, Provider],
    route: Route,
    larger: Route,
    by_key: Rule | None,
    by_default: Rule | None,
    by_header: Rule | None,
    fails: list[str],
    stream: bool,
    seed: int,
) -> None:
    snapshot = Snapshot(0, known, {"m": route, "larger": larger}, {}, {}, rule=by_default)
    watching = Watching(fails)
    account = Account(CHAT, Caller("k", rule=by_key), snapshot, state_of(snapshot, watching, seed))
    body = b'{"model":"m","messages":[]}'
    call = Call(CHAT, "m", "req-1", time.monotonic(), body=body, stream=stream, rule=by_header)
    asyncio.run(run(call, account))
    for provider_id, model in watching.asked:
        own = route if model.startswith("m ") else larger
        (target,) = (t for t in own.targets if (t.provider_id, t.upstream_model) == (provider_id, model))
        more = (route.rule,) if own is larger else ()
        assert allowed(target, known[provider_id], by_default, by_key, by_header, own.rule, *more)
    assert ConfidentialityUnmet.code not in [one.outcome for one in account.tries.attempts], "they were left out before"
    if not any(allowed(t, known[t.provider_id], by_default, by_key, by_header, route.rule) for t in route.targets):
        assert not watching.asked


@given(providers, targets("m"), rules, hedges, failures, st.booleans(), st.integers(0, 99))
@settings(max_examples=300, deadline=None)
def test_the_dispatcher_itself_lets_none_through_that_was_not_left_out(
    known: dict[str, Provider],
    chosen: tuple[Target, ...],
    rule: Rule | None,
    hedge: Hedge | None,
    fails: list[str],
    stream: bool,
    seed: int,
) -> None:
    watching, tries = Watching(fails), Tries()
    dispatcher = state_of(Snapshot(0, known, {}, {}, {}), watching, seed).dispatcher
    call = Call(CHAT, "m", "req-1", time.monotonic(), body=b"{}", stream=stream, rule=rule)

    async def attempt() -> None:
        try:
            await dispatcher.attempt(chosen, call, known, tries, hedge)
        except ConfidentialityUnmet as error:
            assert not any(allowed(t, known[t.provider_id], rule) for t in chosen), error.message
        except GatewayError:
            pass

    asyncio.run(attempt())
    may = {(t.provider_id, t.upstream_model) for t in chosen if allowed(t, known[t.provider_id], rule)}
    assert set(watching.asked) <= may
    assert not may or watching.asked or rule is None


@given(rules, rules, rules)
def test_joined_rules_demand_what_any_of_them_demands(one: Rule | None, two: Rule | None, three: Rule | None) -> None:
    joined = strictest(one, two, three) or Rule()
    given = [rule for rule in (one, two, three) if rule is not None]
    assert bool(joined.tee) == any(rule.tee for rule in given)
    assert bool(joined.local) == any(rule.local for rule in given)


async def test_a_chute_that_leaves_its_environment_while_a_request_runs_is_not_asked_again() -> None:
    provider = Provider("c", ProviderType.CHUTES, max_retries=3, backs_off=False)
    target, spare = Target("c", "m inside"), Target("c", "m other", 1)
    route = Route("m", (target, spare), rule=Rule(("the model 'm'",)))
    snapshot = Snapshot(0, {"c": provider}, {"m": route}, {}, {})
    inside = {"m inside": True, "m other": True}

    class Leaving(Watching):
        async def send(self, endpoint: Endpoint, call: Call) -> Reply:
            inside[endpoint.upstream_model] = False
            return await super().send(endpoint, call)

    leaving = Leaving(["500"] * 9)
    state = state_of(snapshot, leaving, 1)
    state.dispatcher.asker.tee_facts = lambda target, _: (inside[target.upstream_model], "it left")
    account = Account(CHAT, Caller("k"), snapshot, state)
    call = Call(CHAT, "m", "req-1", time.monotonic(), body=b'{"model":"m","messages":[]}')
    await run(call, account)
    assert leaving.asked == [("c", "m inside"), ("c", "m other")], "each once, as long as it was inside"
    outcomes = [one.outcome for one in account.tries.attempts]
    assert outcomes[:2] == ["upstream_server_error"] * 2 and set(outcomes[2:]) == {ConfidentialityUnmet.code}
    await run(call.replaced(request_id="req-2"), Account(CHAT, Caller("k"), snapshot, state))
    assert len(leaving.asked) == 2, "the next request does not begin there"
