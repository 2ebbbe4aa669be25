"""`Dispatcher`: tries a route's targets until one answers. Called by the pipeline, once a request."""

import asyncio
import math
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import msgspec

from gateway.errors import (
    ConfidentialityUnmet,
    EngineLoading,
    GatewayError,
    Overloaded,
    ProviderNotConfigured,
    UnsupportedOperation,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.openai_api.call import Call, Reply
from gateway.openai_api.operations import Operation
from gateway.providers.base import ListedModel, Provider, ProviderAdapter
from gateway.routing.attempt import Asker, Candidate
from gateway.routing.budget import Budget
from gateway.routing.race import Race
from gateway.routing.tries import Tries
from gateway.routing.types import Hedge, Target
from gateway.routing.vitals import Vitals

_HEDGES_AT_ONCE = 10.0
"""Hedged requests that may come at once, after a quiet time."""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """For requests whose targets all rest: how long each may wait, and how many at a time."""

    seconds: float = 20.0
    size: int = 256


class _Run(msgspec.Struct):
    """One request on its way: the targets that may still be asked, and what the others failed with."""

    call: Call
    tries: Tries
    candidates: list[Candidate]
    errors: list[GatewayError] = []


_UNASKED = (EngineLoading, UnsupportedOperation, ConfidentialityUnmet)
"""Failures of targets that nobody asked anything."""


class Dispatcher:
    """What outlives a request: the vitals of all targets, the keys of all providers, the retry budget, the queue."""

    def __init__(
        self, adapters: Mapping[str, ProviderAdapter], limits: QueueLimits | None = None, random: Random | None = None
    ) -> None:
        self.vitals = Vitals()
        self.asker = Asker(adapters)
        self.random = random or Random()  # noqa: S311
        self.limits = limits or QueueLimits()
        self._budget = Budget()
        self._hedges: dict[Hedge, Budget] = {}
        self._queued = 0

    @property
    def queued(self) -> int:
        """Requests that wait because all their targets rest."""
        return self._queued

    def can(self, provider: Provider, operation: Operation) -> bool:
        """Whether the provider's dialect has this operation at all."""
        return operation.name in self.asker.adapters[provider.type].operations

    async def check(self, provider: Provider) -> None:
        """Raises the error that a call to this provider would meet."""
        await self.asker.adapters[provider.type].check(provider)

    async def list_models(self, provider: Provider) -> list[ListedModel]:
        """What the provider says it has. Raises the error that a call would meet."""
        return await self.asker.adapters[provider.type].list_models(provider)

    def in_flight(self, provider_id: str) -> int:
        """Calls that a provider has not finished."""
        return sum(vital.in_flight for (provider, _), vital in self.vitals.items() if provider == provider_id)

    async def attempt(
        self,
        targets: Sequence[Target],
        call: Call,
        providers: Mapping[str, Provider],
        tries: Tries,
        hedge: Hedge | None = None,
    ) -> Reply:
        """Every target once in order, then again with growing pauses those whose failure may pass.

        A target whose breaker is open or that asked for a pause is left out until then; when all of them rest, the
        request waits its turn. One that was silent past its deadline is not asked again. With `hedge` the first two
        may be asked side by side. Raises the error that says most to the caller.
        """
        self._budget.earn()
        if not targets:
            raise _most_telling((), (), call)
        began = time.monotonic()
        first = self._candidate(targets[0], providers)
        run = _Run(call, tries, [first])
        if hedge is None and first.vital.is_calm(began) and (call.deadline is None or began < call.deadline):
            try:
                return await self.asker.ask(first, call, tries)
            except GatewayError as error:
                self._settle(first, error, run)
        run.candidates += [self._candidate(target, providers) for target in targets[1:]]
        try:
            return await self._go_on(run, began + self.limits.seconds, hedge)
        finally:
            run.errors = []  # they hold the frames that hold this

    def _candidate(self, target: Target, providers: Mapping[str, Provider]) -> Candidate:
        return Candidate(target, providers[target.provider_id], self.vitals[target])

    async def _go_on(self, run: _Run, patience: float, hedge: Hedge | None) -> Reply:
        """All that may follow where the first target did not answer, or could not be asked at once."""
        call, tries, candidates = run.call, run.tries, run.candidates
        while candidates and not _too_late(call):
            candidate = self._next(candidates)
            if candidate is None:
                if not await self._rest(candidates, call, patience, tries):
                    break
            elif hedge is not None and not tries.attempts:
                if (reply := await self._hedged(candidate, run, hedge)) is not None:
                    return reply
            else:
                try:
                    return await self.asker.ask(candidate, call, tries)
                except GatewayError as error:
                    self._settle(candidate, error, run)
        raise _most_telling(run.errors, candidates, call)

    def _settle(self, candidate: Candidate, error: GatewayError, run: _Run) -> None:
        """What a failure means for the rest of the request: raises it where no other target is to be asked."""
        run.errors.append(error)
        if not error.retryable:
            raise error
        if not self._again(candidate, error):
            run.candidates.remove(candidate)

    async def _hedged(self, first: Candidate, run: _Run, hedge: Hedge) -> Reply | None:
        """The first target, and beside it a second one when the first is slow to begin. None where both failed."""
        budget = self._hedges.setdefault(hedge, Budget(hedge.max_share, _HEDGES_AT_ONCE, 0.0))
        budget.earn()

        def rival() -> tuple[Candidate, Awaitable[Reply]] | None:
            second = self._next([candidate for candidate in run.candidates if candidate is not first])
            if second is None or not budget.spend():
                return None
            return second, self.asker.ask(second, run.call, run.tries)

        began, before = time.monotonic(), run.tries.upstream_seconds
        after = hedge.after if hedge.after is not None else first.vital.slow_after()
        race = Race(first, self.asker.ask(first, run.call, run.tries))
        reply: Reply | None = None
        try:
            await race.join(rival, after)
            while reply is None and (came_in := await race.next_in()) is not None:
                candidate, outcome = came_in
                if isinstance(outcome, Reply):
                    reply = outcome
                else:
                    self._settle(candidate, outcome, run)
        finally:
            overtaken = await race.stop(reply)
            run.tries.upstream_seconds = before + time.monotonic() - began
        for candidate in overtaken:
            _note_overtaken(candidate, run.tries)
        return reply

    def _next(self, candidates: Sequence[Candidate]) -> Candidate | None:
        """The one asked least often, in order; one that is only coming back goes last."""
        now = time.monotonic()
        ready = [candidate for candidate in candidates if candidate.ready_at(now) <= now]
        if len(ready) < 2:
            return ready[0] if ready else None
        draw = self.random.random()
        return min(ready, key=lambda candidate: (candidate.asked, not candidate.vital.breaker.prefers(now, draw)))

    async def _rest(self, candidates: Sequence[Candidate], call: Call, patience: float, tries: Tries) -> bool:
        """Wait until a candidate is ready. False when that is later than this request can wait."""
        now = time.monotonic()
        ready_at = min(candidate.ready_at(now) for candidate in candidates)
        if ready_at > min(patience, call.deadline or math.inf):
            return False
        if self._queued >= self.limits.size:
            raise Overloaded("Too many requests are waiting for this model.", retry_after=max(1.0, ready_at - now))
        self._queued += 1
        try:
            await asyncio.sleep(ready_at - now)
        finally:
            self._queued -= 1
            tries.upstream_seconds += time.monotonic() - now
        return True

    def _again(self, candidate: Candidate, error: GatewayError) -> bool:
        """Whether the same target may be asked once more, and from when on."""
        candidate.asked += 1
        if not error.passes or candidate.asked > candidate.provider.max_retries or not self._budget.spend():
            return False
        back_off = self._back_off(candidate.asked) if candidate.provider.backs_off else 0.0
        pause = max(back_off, error.retry_after or 0.0)
        candidate.not_before = time.monotonic() + pause
        return True

    def _back_off(self, asked: int) -> float:
        """Exponential with jitter: up to 0.5, 1, 2, 4, 8 … seconds, never under a tenth of that."""
        return float(min(8.0, 0.25 * 2.0**asked) * (0.1 + 0.9 * self.random.random()))


def _note_overtaken(candidate: Candidate, tries: Tries) -> None:
    """What it would have taken longer is counted as what it took."""
    attempt = next((one for one in reversed(tries.attempts) if one.target is candidate.target), None)
    if attempt is None:
        return
    if attempt.outcome == "cancelled":
        candidate.vital.measure(attempt.seconds)
    attempt.outcome = "overtaken"


def _too_late(call: Call) -> bool:
    return call.deadline is not None and time.monotonic() >= call.deadline


def _most_telling(errors: Sequence[GatewayError], resting: Sequence[Candidate], call: Call) -> GatewayError:
    """The last failure of a target that was really asked; else why none could be."""
    asked = [e for e in errors if not isinstance(e, _UNASKED)]
    if asked:
        return asked[-1]
    if _too_late(call):
        return UpstreamTimeout("The request took longer than it may.")
    if resting:
        now = time.monotonic()
        pause = min(candidate.ready_at(now) for candidate in resting) - now
        message = f"Every target of the model '{call.model}' is resting after failures or limits."
        return UpstreamUnavailable(message, retry_after=pause)
    if errors:
        return next((e for e in reversed(errors) if isinstance(e, EngineLoading)), errors[-1])
    return ProviderNotConfigured(f"No provider is configured for the model '{call.model}'.", param="model")
