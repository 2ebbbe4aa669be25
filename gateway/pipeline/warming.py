"""What happens to a request whose chute is cold: it is started while a warm target answers, or waited for when there
is none. Called by `handle` where a provider is at Chutes."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence

from gateway.errors import GatewayError, UpstreamCold
from gateway.openai_api.call import Reply
from gateway.openai_api.sse import comment
from gateway.pipeline.asking import Asking
from gateway.pipeline.loading import WaitingStream
from gateway.routing.order import displaced
from gateway.routing.types import Route, Target

HEADER = "x-gateway-cold-eta"
_COLD = UpstreamCold.code
_COMMENT_EVERY = 5.0
"""Seconds between signs of life in a stream that waits."""


def start_cold(asking: Asking, route: Route) -> list[Target]:
    """Has the cold targets started that would come before the one that is asked now, or beside it."""
    cold = displaced(asking.targets, route, asking.snapshot.providers, asking.state.dispatcher.vitals)
    for target in cold:
        _start(target, asking)
    return cold


def met_cold(asking: Asking) -> list[Target]:
    """The targets that were found cold by this request; they are being started now. Those that answered although they
    were called cold are hot."""
    signals, found = asking.state.dispatcher.vitals.signals, []
    for attempt in asking.tries.attempts:
        if attempt.target.provider_id not in signals.watched:
            continue
        if attempt.outcome == _COLD and attempt.target not in found:
            found.append(attempt.target)
            if signals.hot(attempt.target) is not False:
                _start(attempt.target, asking)
        elif attempt.outcome == "200" and signals.cold(attempt.target):
            signals.note_warmth(attempt.target, hot=True)
    return [target for target in found if signals.cold(target)]


def tell_cold(reply: Reply, asking: Asking, cold: Iterable[Target]) -> None:
    """A reply that a cold target should have given says in how many seconds that one will answer."""
    late = [*cold, *met_cold(asking)]
    if late:
        reply.headers[HEADER] = _eta(asking, late[0])


async def ask_when_warm(asking: Asking, error: GatewayError, cold: Sequence[Target]) -> Reply:
    """Where the targets failed but some are only cold: waits for the first of these as for a loading engine, within the
    request's deadline, and tries them again. Raises UpstreamCold when that is too short, or the error where it is none
    that another try could mend.

    A stream begins at once and carries comments while it waits; other calls, and those for what is rendered here, wait
    silently.
    """
    target, warmer = cold[0], asking.state.warmer
    if not error.retryable:
        raise error
    seconds = asking.state.engine_wait
    if asking.call.deadline is not None:
        seconds = min(seconds, asking.call.deadline - time.monotonic())
    if warmer is None or seconds <= 0:
        raise _too_cold(asking, target)
    if asking.streams:
        stream = WaitingStream(lambda: _once_more(asking, target), _signs(asking, target, seconds))
        return Reply(200, "text/event-stream", stream, {HEADER: _eta(asking, target)})
    await warmer.wait_hot(target, seconds)
    return await _once_more(asking, target)


async def _once_more(asking: Asking, target: Target) -> Reply:
    if asking.state.dispatcher.vitals.signals.cold(target):
        raise _too_cold(asking, target)
    return await asking.attempt()


async def _signs(asking: Asking, target: Target, seconds: float) -> AsyncIterator[bytes]:
    warmer, loop = asking.state.warmer, asyncio.get_running_loop()
    until = loop.time() + seconds
    while warmer is not None and (left := until - loop.time()) > 0:
        yield comment(f"{target.upstream_model} is cold; about {_eta(asking, target)} s until it answers")
        if await warmer.wait_hot(target, min(left, _COMMENT_EVERY)) or not warmer.is_starting(target):
            return


def _start(target: Target, asking: Asking) -> None:
    """Where nobody can have it started, the call that met it cold did."""
    warmer = asking.state.warmer
    if warmer is None or not warmer.start(target, asking.snapshot.providers[target.provider_id]):
        asking.state.dispatcher.vitals.signals.note_warmth(target, hot=False)


def _eta(asking: Asking, target: Target) -> str:
    return f"{asking.state.dispatcher.vitals.signals.eta(target):.0f}"


def _too_cold(asking: Asking, target: Target) -> UpstreamCold:
    eta = asking.state.dispatcher.vitals.signals.eta(target)
    return UpstreamCold(
        f"'{target.upstream_model}' is cold: none of its instances runs at Chutes, and nothing warm can answer in its"
        f" place. One is being started; by past starts it answers in about {eta:.0f} s.",
        retry_after=eta,
        headers=((HEADER, f"{eta:.0f}"),),
    )
