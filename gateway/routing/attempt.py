"""`Dispatcher`: tries a route's targets until one answers. Called by the pipeline, once a request."""

import asyncio
import copy
import logging
import math
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

import msgspec

from gateway.errors import (
    ConfidentialityUnmet,
    EngineLoading,
    GatewayError,
    Overloaded,
    ProviderNotConfigured,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.observe.traces import Trace
from gateway.openai_api.call import Call, Reply
from gateway.openai_api.confidentiality import Rule, refused
from gateway.openai_api.operations import Operation
from gateway.providers.base import Endpoint, ListedModel, Provider, ProviderAdapter
from gateway.routing.budget import Budget
from gateway.routing.confidentiality import TeeFacts, nobody_knows, unmet, vouched
from gateway.routing.first_content import begun, first_content
from gateway.routing.keyring import KeyRings
from gateway.routing.race import Race
from gateway.routing.thinking import thoughtful
from gateway.routing.types import Attempt, Hedge, Target
from gateway.routing.vitals import Vital, Vitals

log = logging.getLogger("gateway.attempt")

_HEDGES_AT_ONCE = 10.0
"""Hedged requests that may come at once, after a quiet time."""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """For requests whose targets all rest: how long each may wait, and how many at a time."""

    seconds: float = 20.0
    size: int = 256


class Tries(msgspec.Struct):
    """What one request did so far. `upstream_seconds` is the time spent waiting for targets and pauses."""

    attempts: list[Attempt] = []
    upstream_seconds: float = 0.0
    trace: Trace | None = None
    refused: tuple[tuple[Target, str], ...] = ()
    """Targets that the request's rule forbids, with the reason."""

    @property
    def answered_by(self) -> Target | None:
        """The latest that did; behind it may stand one that it overtook."""
        for attempt in reversed(self.attempts):
            if attempt.outcome == "200":
                return attempt.target
        return None

    def discard(self) -> None:
        """Nobody got anything of the latest answer."""
        latest = next((attempt for attempt in reversed(self.attempts) if attempt.outcome == "200"), None)
        if latest is not None:
            latest.outcome = "cancelled"

    def add(self, attempt: Attempt) -> None:
        """It is over now."""
        attempt.seconds = time.monotonic() - attempt.started
        self.attempts.append(attempt)
        self.upstream_seconds += attempt.seconds


class _Candidate(msgspec.Struct, eq=False):
    """A target as one request sees it: `asked` so many times, not to be asked again before `not_before`."""

    target: Target
    provider: Provider
    vital: Vital
    asked: int = 0
    not_before: float = 0.0

    def ready_at(self, now: float) -> float:
        return max(self.not_before, self.vital.ready_at(now))


class _Run(msgspec.Struct):
    """One request on its way: the targets that may still be asked, and what the others failed with."""

    call: Call
    tries: Tries
    candidates: list[_Candidate]
    errors: list[GatewayError] = []


class UnsupportedOperation(ProviderNotConfigured):
    """This target's dialect lacks the operation; another target may have it."""

    retryable, code = True, "unsupported_operation"


_UNASKED = (EngineLoading, UnsupportedOperation, ConfidentialityUnmet)
"""Failures of targets that nobody asked anything."""


class Dispatcher:
    """What outlives a request: the vitals of all targets, the keys of all providers, the retry budget, the queue."""

    def __init__(
        self, adapters: Mapping[str, ProviderAdapter], limits: QueueLimits | None = None, random: Random | None = None
    ) -> None:
        self.vitals = Vitals()
        self.keys = KeyRings()
        self.tee_facts: TeeFacts = nobody_knows
        self.random = random or Random()  # noqa: S311
        self._adapters = adapters
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
        return operation.name in self._adapters[provider.type].operations

    async def check(self, provider: Provider) -> None:
        """Raises the error that a call to this provider would meet."""
        await self._adapters[provider.type].check(provider)

    async def list_models(self, provider: Provider) -> list[ListedModel]:
        """What the provider says it has. Raises the error that a call would meet."""
        return await self._adapters[provider.type].list_models(provider)

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
                return await self._ask(first, call, tries)
            except GatewayError as error:
                self._settle(first, error, run)
        run.candidates += [self._candidate(target, providers) for target in targets[1:]]
        return await self._go_on(run, began + self.limits.seconds, hedge)

    def _candidate(self, target: Target, providers: Mapping[str, Provider]) -> _Candidate:
        return _Candidate(target, providers[target.provider_id], self.vitals[target])

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
                    return await self._ask(candidate, call, tries)
                except GatewayError as error:
                    self._settle(candidate, error, run)
        raise _most_telling(run.errors, candidates, call)

    def _settle(self, candidate: _Candidate, error: GatewayError, run: _Run) -> None:
        """What a failure means for the rest of the request: raises it where no other target is to be asked."""
        run.errors.append(error)
        if not error.retryable:
            raise error
        if not self._again(candidate, error):
            run.candidates.remove(candidate)

    async def _hedged(self, first: _Candidate, run: _Run, hedge: Hedge) -> Reply | None:
        """The first target, and beside it a second one when the first is slow to begin. None where both failed."""
        budget = self._hedges.setdefault(hedge, Budget(hedge.max_share, _HEDGES_AT_ONCE, 0.0))
        budget.earn()

        def rival() -> tuple[_Candidate, Awaitable[Reply]] | None:
            second = self._next([candidate for candidate in run.candidates if candidate is not first])
            if second is None or not budget.spend():
                return None
            return second, self._ask(second, run.call, run.tries)

        began, before = time.monotonic(), run.tries.upstream_seconds
        after = hedge.after if hedge.after is not None else first.vital.slow_after()
        race = Race(first, self._ask(first, run.call, run.tries))
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
            overtaken = await race.stop()
            run.tries.upstream_seconds = before + time.monotonic() - began
        for candidate in overtaken:
            _note_overtaken(candidate, run.tries)
        return reply

    def _next(self, candidates: Sequence[_Candidate]) -> _Candidate | None:
        """The one asked least often, in order; one that is only coming back goes last."""
        now = time.monotonic()
        ready = [candidate for candidate in candidates if candidate.ready_at(now) <= now]
        if len(ready) < 2:
            return ready[0] if ready else None
        draw = self.random.random()
        return min(ready, key=lambda candidate: (candidate.asked, not candidate.vital.breaker.prefers(now, draw)))

    async def _rest(self, candidates: Sequence[_Candidate], call: Call, patience: float, tries: Tries) -> bool:
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

    def _again(self, candidate: _Candidate, error: GatewayError) -> bool:
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

    async def _ask(self, candidate: _Candidate, call: Call, tries: Tries) -> Reply:
        """One target, with one key after the other while a key is the trouble and another is free."""
        provider, vital = candidate.provider, candidate.vital
        ring = self.keys[provider]
        for _ in range(len(provider.api_keys) or 1):
            started = time.monotonic()
            position = ring.take(provider, started)
            attempt = Attempt(candidate.target, "cancelled", 0.0, started)
            vital.begin(started)
            try:
                reply = await self._sending(candidate, position, call, attempt, tries.trace)
                if isinstance(reply.body, bytes):
                    vital.end()
                else:
                    reply.body = await begun(reply.body, vital)
                attempt.outcome = "200"
                vital.succeed(now := time.monotonic(), now - started)
                return reply
            except GatewayError as error:
                attempt.outcome = error.error_code or str(error.http_status)
                vital.end()
                if not ring.note(position, error, provider, time.monotonic()):
                    vital.fail(time.monotonic(), error)
                    raise
                last = error
            except BaseException:
                vital.give_up()
                raise
            finally:
                tries.add(attempt)
                if provider.debug:
                    log.info("try of %s: %s after %.0f ms", call.request_id, attempt, attempt.seconds * 1000)
        raise last

    def _sending(
        self, candidate: _Candidate, position: int, call: Call, attempt: Attempt, trace: Trace | None
    ) -> Awaitable[Reply]:
        """To be awaited at once. Where first content has a limit, a stream is there only when that is."""
        provider, target = candidate.provider, candidate.target
        adapter = self._adapters[provider.type]
        if call.operation.name not in adapter.operations:
            raise UnsupportedOperation(f"The provider '{provider.id}' has no {call.operation.path}.", param="model")
        in_tee = call.rule is not None and self._check(call.rule, target, provider, call)
        model = target.upstream_model
        if target.thinking:
            model, call = thoughtful(call, target, provider)
        if trace is not None:
            attempt.span_id, call = _traced(call, trace)
        if call.may_become_job:
            provider = replace(provider, timeouts=replace(provider.timeouts, whole=provider.timeouts.job))
        key = provider.api_keys[position] if provider.api_keys else ""
        sending = adapter.send(Endpoint(provider, model, target.base_url, key, in_tee), call)
        limit = provider.timeouts.first_content if call.stream else None
        return sending if limit is None else first_content(sending, candidate.vital, limit)

    def _check(self, rule: Rule, target: Target, provider: Provider, call: Call) -> bool:
        """Every try under a rule passes here; whether the dialect must look for a trusted execution environment itself.
        Raises ConfidentialityUnmet."""
        if reason := unmet(rule, target, provider, self.tee_facts):
            raise refused(rule, call.model, [(f"{target.provider_id}/{target.upstream_model}", reason)])
        return bool(rule.tee) and not vouched(target, provider)


def _note_overtaken(candidate: _Candidate, tries: Tries) -> None:
    """What it would have taken longer is counted as what it took."""
    attempt = next((one for one in reversed(tries.attempts) if one.target is candidate.target), None)
    if attempt is None:
        return
    if attempt.outcome == "cancelled":
        candidate.vital.measure(attempt.seconds)
    attempt.outcome = "overtaken"


def _traced(call: Call, trace: Trace) -> tuple[str, Call]:
    """The call as this try sends it; what was read of its body already is kept."""
    span_id, headers = trace.child()
    call = copy.copy(call)
    call.trace = headers
    return span_id, call


def _too_late(call: Call) -> bool:
    return call.deadline is not None and time.monotonic() >= call.deadline


def _most_telling(errors: Sequence[GatewayError], resting: Sequence[_Candidate], call: Call) -> GatewayError:
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
