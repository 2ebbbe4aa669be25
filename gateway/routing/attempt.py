"""`Asker`: one target, asked once with each of its keys that may help. Called by the dispatcher for every try."""

import logging
import time
from collections.abc import Awaitable, Mapping
from dataclasses import replace

import msgspec

from gateway.errors import GatewayError, UnsupportedOperation
from gateway.observe.traces import Trace
from gateway.openai_api.call import Call, Reply
from gateway.openai_api.confidentiality import Rule, refused
from gateway.openai_api.continuation import going_on
from gateway.providers.base import Endpoint, Provider, ProviderAdapter
from gateway.providers.transport.base import UNSENT
from gateway.routing.confidentiality import TeeFacts, nobody_knows, unmet, vouched
from gateway.routing.first_content import begun, first_content
from gateway.routing.keyring import KeyRings
from gateway.routing.thinking import thoughtful
from gateway.routing.tries import Tries
from gateway.routing.types import Attempt, Target
from gateway.routing.vitals import Vital

log = logging.getLogger("gateway.attempt")


class Candidate(msgspec.Struct, eq=False):
    """A target as one request sees it: `asked` so many times, not to be asked again before `not_before`."""

    target: Target
    provider: Provider
    vital: Vital
    asked: int = 0
    not_before: float = 0.0

    def ready_at(self, now: float) -> float:
        return max(self.not_before, self.vital.ready_at(now))


class Asker:
    """Knows the dialects, the keys of all providers, and what is known of trusted execution environments."""

    def __init__(self, adapters: Mapping[str, ProviderAdapter]) -> None:
        self.keys = KeyRings()
        self.tee_facts: TeeFacts = nobody_knows
        self.adapters = adapters

    async def ask(self, candidate: Candidate, call: Call, tries: Tries) -> Reply:
        """One target, with one key after the other while a key is the trouble and another is free."""
        provider, vital = candidate.provider, candidate.vital
        ring = self.keys[provider]
        left = len(provider.api_keys) or 1
        while True:
            left -= 1
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
                    vital.fail(time.monotonic(), error, started)
                    raise
                if not left:
                    vital.breaker.give_up(started)
                    raise
            except BaseException as interruption:
                attempt.sent = UNSENT not in interruption.args
                vital.give_up(started)
                raise
            finally:
                tries.add(attempt)
                if provider.debug:
                    log.info("try of %s: %s after %.0f ms", call.request_id, attempt, attempt.seconds * 1000)

    def _sending(
        self, candidate: Candidate, position: int, call: Call, attempt: Attempt, trace: Trace | None
    ) -> Awaitable[Reply]:
        """To be awaited at once. Where first content has a limit, a stream is there only when that is."""
        provider, target = candidate.provider, candidate.target
        adapter = self.adapters[provider.type]
        if call.operation.name not in adapter.operations:
            raise UnsupportedOperation(f"The provider '{provider.id}' has no {call.operation.path}.", param="model")
        in_tee = call.rule is not None and self._check(call.rule, target, provider, call)
        model = target.upstream_model
        if target.thinking:
            model, call = thoughtful(call, target, provider)
        if call.goes_on and target.prefill:
            call = call.replaced(body=going_on(call.body, target.prefill))
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


def _traced(call: Call, trace: Trace) -> tuple[str, Call]:
    """The call as this try sends it."""
    span_id, headers = trace.child()
    return span_id, call.replaced(trace=headers)
