"""A second target beside a slow first one: who wins, who is stopped, what it may cost."""

import asyncio
import time
from collections.abc import Callable
from random import Random

import pytest

from gateway.errors import GatewayError, UpstreamRefused, UpstreamServerError
from gateway.openai_api.call import Call, Reply, Take, Usage
from gateway.openai_api.operations import CHAT
from gateway.providers.base import Endpoint, ListedModel, Provider, ProviderType
from gateway.routing.dispatcher import Dispatcher, QueueLimits
from gateway.routing.tries import Tries
from gateway.routing.types import Hedge, Target
from gateway.routing.vitals import Vital

PROVIDERS = {name: Provider(name, ProviderType.OPENAI, max_retries=0) for name in ("a", "b", "c")}
CALL = Call(CHAT, "m", "req-1", time.monotonic(), body=b"{}")
FAST, SLOW, NEVER = 0.0, 0.3, 30.0
HEDGE = Hedge("m", after=0.05, max_share=1.0)


Due = float | Callable[[], bool]
"""After so many seconds, or once it is true."""


class Timed:
    """Answers when it is due, or fails then. `stopped` are those that were cancelled."""

    def __init__(self, **steps: Due | tuple[Due, GatewayError]) -> None:
        self.steps = steps
        self.asked: list[str] = []
        self.failed: list[str] = []
        self.stopped: list[str] = []

    @property
    def operations(self) -> frozenset[str]:
        return frozenset({CHAT.name})

    async def send(self, endpoint: Endpoint, call: Call) -> Reply:
        name = endpoint.provider.id
        self.asked.append(name)
        step = self.steps[name]
        due, error = step if isinstance(step, tuple) else (step, None)
        try:
            await (eventually(due) if callable(due) else asyncio.sleep(due))
        except asyncio.CancelledError:
            self.stopped.append(name)
            raise
        if error:
            self.failed.append(name)
            raise error
        return Reply(200, "application/json", name.encode())

    async def list_models(self, provider: Provider) -> list[ListedModel]:
        return []

    async def check(self, provider: Provider) -> None: ...


async def run(
    adapter: Timed, hedge: Hedge | None = HEDGE, dispatch: Dispatcher | None = None, ids: str = "ab"
) -> tuple[bytes, list[str], Dispatcher]:
    tries = Tries()
    dispatch = dispatch or Dispatcher({"openai": adapter}, QueueLimits(5, 5), Random(1))
    dispatch.asker.adapters = {"openai": adapter}
    reply = await dispatch.attempt([Target(name, "m") for name in ids], CALL, PROVIDERS, tries, hedge)
    assert isinstance(reply.body, bytes)
    assert tries.answered_by and tries.answered_by.provider_id == reply.body.decode()
    return reply.body, [f"{one.target.provider_id}={one.outcome}" for one in tries.attempts], dispatch


async def test_a_slow_target_is_overtaken_and_stopped_at_once() -> None:
    adapter = Timed(a=NEVER, b=FAST)
    body, attempts, dispatch = await run(adapter)
    assert body == b"b" and adapter.stopped == ["a"]
    assert sorted(attempts) == ["a=overtaken", "b=200"]
    assert [dispatch.vitals[Target(name, "m")].in_flight for name in "ab"] == [0, 0]
    slow = dispatch.vitals[Target("a", "m")]
    assert slow.failures == 0 and (slow.latency or 0) >= 0.04, "it is known to be slow, not to be broken"


async def test_a_quick_target_is_asked_alone() -> None:
    adapter = Timed(a=FAST, b=FAST)
    assert (await run(adapter, Hedge("m", after=10.0, max_share=1.0)))[:2] == (b"a", ["a=200"])


async def test_the_first_target_may_win_after_all() -> None:
    adapter: Timed = Timed(a=lambda: "b" in adapter.asked, b=NEVER)
    body, attempts, _ = await run(adapter)
    assert body == b"a" and adapter.stopped == ["b"] and sorted(attempts) == ["a=200", "b=overtaken"]


async def test_a_rival_that_fails_leaves_the_first_one_running() -> None:
    adapter: Timed = Timed(a=lambda: "b" in adapter.failed, b=(FAST, UpstreamServerError("x")))
    body, attempts, _ = await run(adapter)
    assert body == b"a" and attempts == ["b=upstream_server_error", "a=200"]


async def test_when_both_fail_the_next_one_is_asked() -> None:
    adapter = Timed(a=(0.1, UpstreamServerError("x")), b=(0.1, UpstreamServerError("x")), c=FAST)
    body, attempts, _ = await run(adapter, ids="abc")
    assert body == b"c" and attempts[-1] == "c=200" and len(attempts) == 3


async def test_a_fault_of_the_request_ends_the_race() -> None:
    adapter = Timed(a=NEVER, b=(FAST, UpstreamRefused("too long")))
    with pytest.raises(UpstreamRefused):
        await run(adapter)
    assert adapter.stopped == ["a"]


async def test_a_caller_who_leaves_stops_both() -> None:
    adapter = Timed(a=NEVER, b=NEVER)
    task = asyncio.ensure_future(run(adapter))
    await eventually(lambda: adapter.asked == ["a", "b"])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(adapter.stopped) == ["a", "b"]


class Told:
    """A stream that has begun; `closed` once somebody let go of it."""

    usage: Usage | None = None
    closed = False

    async def pour(self, take: Take) -> None:
        take([b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'])

    async def aclose(self) -> None:
        self.closed = True


class Lingering(Timed):
    """`a` never answers and ends only once `gate` is open, `b` answers with a stream."""

    def __init__(self, stream: Told) -> None:
        super().__init__(a=NEVER)
        self.stream, self.gate = stream, asyncio.Event()

    async def send(self, endpoint: Endpoint, call: Call) -> Reply:
        if endpoint.provider.id == "b":
            return Reply(200, "text/event-stream", self.stream)
        try:
            return await super().send(endpoint, call)
        finally:
            await self.gate.wait()


async def test_a_caller_who_leaves_while_the_slower_one_is_stopped_holds_no_answer() -> None:
    adapter = Lingering(Told())
    dispatch = Dispatcher({"openai": adapter}, QueueLimits(5, 5), Random(1))
    targets = [Target(name, "m") for name in "ab"]
    task = asyncio.ensure_future(dispatch.attempt(targets, CALL, PROVIDERS, Tries(), HEDGE))
    await eventually(lambda: adapter.stopped == ["a"])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    adapter.gate.set()
    await eventually(lambda: [dispatch.vitals[target].in_flight for target in targets] == [0, 0])
    assert adapter.stream.closed


async def test_hedging_is_bounded_to_its_share_of_the_requests() -> None:
    """The first target answers late, and where it is its turn only once the other one was asked."""
    hedge = Hedge("m", after=0.01, max_share=0.25)
    adapter, dispatch = Timed(a=0.03, b=NEVER), None
    for turn in range(1, 17):
        adapter.steps["a"] = 0.03 if turn % 4 else lambda turn=turn: adapter.asked.count("b") >= turn // 4  # type: ignore[misc]
        *_, dispatch = await run(adapter, hedge, dispatch)
    assert adapter.asked.count("b") == 4 and adapter.asked.count("a") == 16


async def test_without_hedge_nothing_is_hedged() -> None:
    adapter = Timed(a=SLOW, b=FAST)
    assert (await run(adapter, None))[:2] == (b"a", ["a=200"])


async def test_the_slowest_of_what_is_usual_is_learnt() -> None:
    vital = Vital()
    assert vital.slow_after() is None
    for n in range(1, 20):
        vital.succeed(0.0, n / 100)
    assert vital.slow_after() is None, "too few to tell"
    for n in range(20, 101):
        vital.succeed(0.0, n / 100)
    assert vital.slow_after() == pytest.approx(0.96)


async def test_p95_hedges_only_what_is_known() -> None:
    hedge = Hedge("m", after=None, max_share=1.0)
    adapter, dispatch = Timed(a=0.01, b=FAST), None
    for _ in range(21):
        *_, dispatch = await run(adapter, hedge, dispatch)
    assert dispatch is not None and "b" not in adapter.asked[:20]
    slow = Timed(a=NEVER, b=FAST)
    assert (await run(slow, hedge, dispatch))[0] == b"b"


async def eventually(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.005)
