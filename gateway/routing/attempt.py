"""The loop that tries a route's targets until one answers. Called by the pipeline, once a request."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from gateway.errors import (
    EngineLoading,
    GatewayError,
    ProviderNotConfigured,
    UpstreamBadResponse,
)
from gateway.openai_api.call import ByteStream, Call, Reply
from gateway.providers.base import Endpoint, Provider, ProviderAdapter
from gateway.routing.types import Attempt, Target

MAX_PAUSE = 20.0
"""Seconds: a provider that asks for a longer pause gets no further try from this request."""


@dataclass(slots=True)
class Tries:
    """What one request did so far. `upstream_seconds` is the time spent waiting for targets and pauses."""

    attempts: list[Attempt] = field(default_factory=list)
    upstream_seconds: float = 0.0

    @property
    def answered_by(self) -> Target | None:
        last = self.attempts[-1] if self.attempts else None
        return last.target if last and last.outcome == "200" else None


class PrimedStream:
    """A stream whose first event is already here, so that early failures could still go to another target."""

    def __init__(self, first: bytes, rest: AsyncIterator[bytes], source: ByteStream) -> None:
        self._first, self._rest, self._source = first, rest, source

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._first
        async for piece in self._rest:
            yield piece

    async def aclose(self) -> None:
        await self._source.aclose()


async def attempt(
    targets: Sequence[Target],
    call: Call,
    providers: Mapping[str, Provider],
    adapters: Mapping[str, ProviderAdapter],
    tries: Tries,
    random: Random,
) -> Reply:
    """Every target once in order, then again with growing pauses those whose failure may pass.

    A target that was silent past its deadline is not asked again. Raises the error that says most to the caller.
    """
    errors: list[GatewayError] = []
    waiting = list(targets)
    pause = 0.0
    for round_number in range(1 + max((providers[t.provider_id].max_retries for t in targets), default=0)):
        await _sleep(pause, tries)
        again: list[Target] = []
        pause = _back_off(round_number, random)
        for target in waiting:
            try:
                return await _one(target, call, providers[target.provider_id], adapters, tries)
            except GatewayError as error:
                errors.append(error)
                if not error.retryable:
                    raise
                if _worth_another_try(error, round_number, providers[target.provider_id]):
                    again.append(target)
                    pause = max(pause, error.retry_after or 0.0)
        waiting = again
        if not waiting or pause > MAX_PAUSE or _too_late(call, pause):
            break
    raise _most_telling(errors, call)


async def _one(
    target: Target,
    call: Call,
    provider: Provider,
    adapters: Mapping[str, ProviderAdapter],
    tries: Tries,
) -> Reply:
    started = time.monotonic()
    outcome = "cancelled"
    try:
        adapter = adapters[provider.type]
        if call.operation.name not in adapter.operations:
            raise UnsupportedOperation(f"The provider '{provider.id}' has no {call.operation.path}.", param="model")
        endpoint = Endpoint(provider, target.upstream_model, target.base_url)
        reply = await adapter.send(endpoint, call)
        if not isinstance(reply.body, bytes):
            reply = replace(reply, body=await _prime(reply.body))
        outcome = "200"
        return reply
    except GatewayError as error:
        outcome = error.error_code or str(error.http_status)
        raise
    finally:
        seconds = time.monotonic() - started
        tries.attempts.append(Attempt(target, outcome, seconds))
        tries.upstream_seconds += seconds


class UnsupportedOperation(ProviderNotConfigured):
    """This target's dialect lacks the operation; another target may have it."""

    retryable, code = True, "unsupported_operation"


async def _prime(body: ByteStream) -> PrimedStream:
    try:
        pieces = aiter(body)
        return PrimedStream(await anext(pieces), pieces, body)
    except StopAsyncIteration:
        await body.aclose()
        raise UpstreamBadResponse("The provider closed the stream before sending anything.") from None
    except BaseException:
        await body.aclose()
        raise


def _worth_another_try(error: GatewayError, round_number: int, provider: Provider) -> bool:
    return error.passes and round_number < provider.max_retries


def _back_off(round_number: int, random: Random) -> float:
    """Exponential with full jitter: up to 0.5, 1, 2, 4, 8 … seconds, never under a tenth of that."""
    ceiling = min(8.0, 0.5 * 2.0**round_number)
    return ceiling * (0.1 + 0.9 * random.random())


def _too_late(call: Call, pause: float) -> bool:
    return call.deadline is not None and time.monotonic() + pause >= call.deadline


def _most_telling(errors: Sequence[GatewayError], call: Call) -> GatewayError:
    """The last failure of a target that was really asked; else why none could be."""
    if not errors:
        return ProviderNotConfigured(f"No provider is configured for the model '{call.model}'.", param="model")
    asked = [e for e in errors if not isinstance(e, (EngineLoading, UnsupportedOperation))]
    loading = [e for e in errors if isinstance(e, EngineLoading)]
    return (asked or loading or list(errors))[-1]


async def _sleep(pause: float, tries: Tries) -> None:
    if pause:
        tries.upstream_seconds += pause
        await asyncio.sleep(pause)
