"""`Warmer` and the poller by themselves: how often they ask, and when they stop."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from gateway.app import create_app
from gateway.background.signals import LOAD, RAREST, ChuteSignals
from gateway.errors import GatewayError, UpstreamCredentials, UpstreamServerError
from gateway.providers.base import Endpoint, Provider, ProviderType
from gateway.routing.signals import Signals
from gateway.routing.types import Target
from gateway.routing.warming import AT_ONCE, MOST_WISHES, Warmer
from gateway.settings import Settings
from tests.catalog.platform import FakePlatform

PROVIDER = Provider("chutes", ProviderType.CHUTES, api_keys=("cpk_first", "cpk_second"))
TARGET = Target("chutes", "org/A")


class Scripted:
    """A dialect whose `warm` answers from a script, and for ever as its last entry says."""

    def __init__(self, *script: bool | GatewayError) -> None:
        self.script = list(script)
        self.asked: list[Endpoint] = []

    async def warm(self, endpoint: Endpoint) -> bool:
        self.asked.append(endpoint)
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, GatewayError):
            raise step
        return step


@pytest.fixture
def signals() -> Signals:
    made = Signals()
    made.watched = frozenset({"chutes"})
    return made


def warmer(adapter: object, signals: Signals) -> Warmer:
    return Warmer({ProviderType.CHUTES: adapter}, signals, look=0.01)


async def test_looks_until_it_is_hot_and_only_once_at_a_time(signals: Signals) -> None:
    adapter = Scripted(False, False, True)
    made = warmer(adapter, signals)
    assert made.start(TARGET, PROVIDER)
    assert made.start(TARGET, PROVIDER)
    assert signals.cold(TARGET)
    assert await made.wait_hot(TARGET, 10)
    assert signals.hot(TARGET) is True
    assert len(adapter.asked) == 3
    assert adapter.asked[0].api_key == "cpk_first"
    assert not made.is_starting(TARGET)


async def test_who_waits_too_briefly_is_told_and_the_start_goes_on(signals: Signals) -> None:
    made = warmer(Scripted(False), signals)
    made.start(TARGET, PROVIDER)
    assert not await made.wait_hot(TARGET, 0.05)
    assert made.is_starting(TARGET)
    await made.aclose()
    assert not made.is_starting(TARGET)


@pytest.mark.parametrize(
    ("error", "asked"), [(UpstreamCredentials("no"), 1), (UpstreamServerError("boom"), 3)], ids=["refused", "failing"]
)
async def test_gives_up_where_asking_is_useless(signals: Signals, error: GatewayError, asked: int) -> None:
    adapter = Scripted(error)
    made = warmer(adapter, signals)
    made.start(TARGET, PROVIDER)
    assert not await made.wait_hot(TARGET, 10)
    assert len(adapter.asked) == asked
    assert not made.start(TARGET, PROVIDER), "it is left alone for a while"
    assert len(adapter.asked) == asked


async def test_starts_are_bounded_and_other_dialects_are_left_alone(signals: Signals) -> None:
    made = warmer(Scripted(False), signals)
    assert all(made.start(Target("chutes", f"m{n}"), PROVIDER) for n in range(AT_ONCE))
    assert not made.start(TARGET, PROVIDER)
    assert not await made.wait_hot(TARGET, 10), "nobody starts it, so nobody waits"
    await made.aclose()
    assert not warmer(object(), signals).start(TARGET, PROVIDER)


async def test_a_wish_is_told_to_its_end(signals: Signals) -> None:
    made = warmer(Scripted(False, True), signals)
    assert made.wish(TARGET, PROVIDER)
    assert signals.hot(TARGET) is None, "nobody called it cold"
    (wish,) = made.wishes.values()
    assert (wish.ended, wish.hot) == (None, False)
    assert await made.wait_hot(TARGET, 10)
    assert (wish.hot, wish.why) == (True, "")
    assert wish.ended is not None and wish.ended >= wish.began


async def test_a_wish_is_tried_again_although_the_target_rests(signals: Signals) -> None:
    adapter = Scripted(UpstreamCredentials("The key was refused."), True)
    made = warmer(adapter, signals)
    made.wish(TARGET, PROVIDER)
    assert not await made.wait_hot(TARGET, 10)
    (wish,) = made.wishes.values()
    assert (wish.hot, wish.why) == (False, "The key was refused.")
    assert not made.start(TARGET, PROVIDER)
    assert made.wish(TARGET, PROVIDER)
    assert await made.wait_hot(TARGET, 10)


async def test_what_is_known_to_be_hot_is_not_asked(signals: Signals) -> None:
    adapter = Scripted(False)
    made = warmer(adapter, signals)
    signals.note_warmth(TARGET, hot=True)
    assert made.wish(TARGET, PROVIDER)
    assert [wish.hot for wish in made.wishes.values()] == [True]
    assert adapter.asked == []


async def test_wishes_over_the_bound_take_their_turn_and_too_many_are_refused(signals: Signals) -> None:
    adapter = Scripted(*[False] * AT_ONCE, True)
    made = warmer(adapter, signals)
    targets = [Target("chutes", f"m{n}") for n in range(MOST_WISHES + 1)]
    assert [made.wish(target, PROVIDER) for target in targets] == [True] * MOST_WISHES + [False]
    assert sum(made.is_starting(target) for target in targets) == AT_ONCE
    while any(wish.ended is None for wish in made.wishes.values()):
        await asyncio.sleep(0.01)
    assert all(wish.hot for wish in made.wishes.values())
    assert made.wish(targets[-1], PROVIDER), "an old one was forgotten for it"
    await made.aclose()


async def test_what_no_dialect_can_start_is_no_wish(signals: Signals) -> None:
    made = warmer(object(), signals)
    assert not made.wish(TARGET, PROVIDER)
    assert made.wishes == {}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def fake() -> Iterator[FakePlatform]:
    made = FakePlatform()
    yield made
    made.close()


@pytest.fixture
async def poller(fake: FakePlatform, tmp_path: Path) -> AsyncIterator[tuple[ChuteSignals, Clock]]:
    """Copies of the catalog are of no use to it, as they are never fresh."""
    values = {
        "state_dir": tmp_path,
        "master_api_key": "sk-master-0123456789abcdef",
        "allow_private_upstreams": True,
        "chutes_api_url": fake.url,
        "chutes_base_url": fake.url,
        "providers": {"chutes": {"models": []}},
        "catalog": {"ttl": {"utilization": 0.000001, "statistics": 3600}},
    }
    settings, clock = Settings.model_validate(values), Clock()
    app = create_app(settings)
    app.catalog.started.set()
    made = ChuteSignals(app.state, app.catalog, app._transport, settings, clock, Random(1))
    made._utilization.ttl = LOAD
    yield made, clock
    await app.shutdown()


async def test_nothing_is_asked_before_its_time(poller: tuple[ChuteSignals, Clock], fake: FakePlatform) -> None:
    signals, clock = poller
    for clock.now in (0.0, 5.0, 30.0, 50.0):
        await signals.look()
    assert (fake.asked("/chutes/utilization"), fake.asked("/invocations/stats/llm")) == (1, 1)
    assert signals.signals.watched == {"chutes"}
    assert fake.asked("/users/me") == 0, "without a key there is no account"


async def test_what_fails_is_asked_ever_more_rarely(poller: tuple[ChuteSignals, Clock], fake: FakePlatform) -> None:
    signals, clock = poller
    fake.faults["/chutes/utilization"] = "500"
    times: list[float] = []
    while clock.now < 4 * RAREST:
        before = fake.asked("/chutes/utilization")
        try:
            await signals.look()
        except GatewayError:
            assert fake.asked("/chutes/utilization") > before
        times += [clock.now] * (fake.asked("/chutes/utilization") - before)
        clock.now += 30.0
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses[0] >= 2 * LOAD * 0.9
    assert all(later >= 1.4 * earlier for earlier, later in pairwise(pauses[:5]))
    assert max(pauses) <= RAREST * 1.1 + 30
    assert len(times) < 15


@pytest.mark.parametrize("fault", ["html", "garbage", "shape", "cut", "redirect"])
async def test_nonsense_is_a_failure_and_leaves_what_was_known(
    poller: tuple[ChuteSignals, Clock], fake: FakePlatform, fault: str
) -> None:
    signals, _ = poller
    fake.faults["*"] = fault
    with pytest.raises(GatewayError):
        await signals.look()
    assert signals.signals.hot(TARGET) is None
